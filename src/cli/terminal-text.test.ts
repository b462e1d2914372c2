import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ConsoleFilter } from './console-filter.ts'
import { plain } from './style.ts'
import { formatFields, formatTable } from './table.ts'
import { clip, displayWidth, safeJson, safeText } from './terminal-text.ts'

describe('text from outside', () => {
  it('cannot steer a terminal, break a line or reorder it', () => {
    assert.equal(safeText('data-1'), 'data-1')
    assert.equal(safeText('größe 数据 😀'), 'größe 数据 😀')
    assert.equal(safeText('a\u001b]0;x\u0007b'), 'a\\u{1b}]0;x\\u{7}b')
    assert.equal(safeText('a\nb\tc'), 'a\\u{a}b\\u{9}c')
    assert.equal(safeText('a\u202eb\u2066\u200b\ufeff'), 'a\\u{202e}b\\u{2066}\\u{200b}\\u{feff}')
  })

  it('is the same in JSON, without what a terminal could act on', () => {
    const value = { name: 'a\u001b\u009b\u202e\n\u007f', list: [1] }
    const json = safeJson(value)
    assert.deepEqual(JSON.parse(json), value)
    assert.doesNotMatch(json.replaceAll('\n', ''), /[\p{Cc}\u202e]/u)
  })

  it('has a width', () => {
    assert.equal(displayWidth('abc'), 3)
    assert.equal(displayWidth('größe'), 5)
    assert.equal(displayWidth('数据'), 4)
    assert.equal(displayWidth('e\u0301'), 1)
    assert.equal(clip('数据数据', 5), '数据…')
    assert.equal(clip('abc', 3), 'abc')
  })
})

describe('tables', () => {
  it('are aligned by what is seen', () => {
    const rows = [
      { name: '数据', size: 1 },
      { name: 'a', size: 100 },
    ]
    const text = formatTable(
      rows,
      [
        { header: 'name', value: row => row.name },
        { header: 'size', value: row => row.size, align: 'right' },
        { header: 'more', value: () => 'x' },
      ],
      plain,
    )
    assert.equal(text, 'NAME  SIZE  MORE\n数据     1  x\na      100  x\n')
  })

  it('keep a row on its line whatever is in it', () => {
    const text = formatTable([{ name: 'a\nb' }], [{ header: 'name', value: row => row.name }], plain)
    assert.equal(text, 'NAME\na\\u{a}b\n')
  })

  it('print a field a line', () => {
    const text = formatFields(
      [
        ['id', 'x'],
        ['status', null],
        ['volumes', 'one\ntwo'],
      ],
      plain,
    )
    assert.equal(text, 'id       x\nstatus   -\nvolumes  one\n         two\n')
  })
})

describe('console filter', () => {
  const bytes = (text: string) => new TextEncoder().encode(text)
  const whole = (text: string) => new ConsoleFilter().push(bytes(text))

  it('leaves plain output alone', () => {
    assert.equal(whole('Linux 6.12\n\tok größe 数据\n'), 'Linux 6.12\n\tok größe 数据\n')
  })

  it('drops escape sequences', () => {
    assert.equal(whole('\u001b[2J\u001b[1;31mred\u001b[0m'), 'red')
    assert.equal(whole('a\u001b]0;title\u0007b\u001b]52;c;ZXZpbA==\u001b\\c'), 'abc')
    assert.equal(whole('a\u001bP1$r0m\u001b\\b\u001b(Bc\u001b=d\u001bce'), 'abcde')
    assert.equal(whole('a\u009b31mb\u009d0;x\u009cc'), 'abc')
  })

  it('drops them also when reads cut them anywhere', () => {
    const text = 'a\u001b[1;31mb\u001b]0;t\u001b\\c数\r\nd\u001b[0m'
    const input = bytes(text)
    for (let cut = 0; cut <= input.length; cut++) {
      const filter = new ConsoleFilter()
      assert.equal(filter.push(input.subarray(0, cut)) + filter.push(input.subarray(cut)), 'abc数\nd', `cut at ${cut}`)
    }
  })

  it('shows other control characters', () => {
    assert.equal(whole('a\u0007b\u0008\u007f\u0000'), 'a^Gb^H^?^@')
    assert.equal(whole('a\u202eb'), 'a\\u{202e}b')
  })

  it('does not let a guest write over its own lines', () => {
    assert.equal(whole('evil\rgood\r\nnext\r\r\nend'), 'evil\ngood\nnext\nend')
  })

  it('comes back to text when a sequence does not end', () => {
    assert.match(whole(`\u001b]0;${'x'.repeat(1000)}`), /x{700}/)
    assert.equal(whole('\u001b]0;never ended\nnext line'), '\nnext line')
    assert.equal(whole('\u001b[12\u001b[31mred'), 'red')
  })

  it('lets no control character through, whatever comes', () => {
    const all = Uint8Array.from({ length: 2048 }, (_, index) => (index * 131 + (index >> 3)) % 256)
    assert.doesNotMatch(new ConsoleFilter().push(all).replaceAll(/[\n\t]/g, ''), /\p{Cc}/u)
  })
})
