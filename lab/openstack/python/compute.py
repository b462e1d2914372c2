"""What Cinder and the command line ask of Nova and Glance: compute.py PORT DB_PORT DB_PASSWORD

There are no servers and no images here. Before Cinder deletes an attachment in
use for somebody who is no service, it asks Nova whether the server uses it: the
answer comes from Cinder's own table, so that Cinder refuses as it would in a
real cloud (409). The command line asks Glance for its versions before it creates
a volume.
"""
import json
import re
import sys

import pymysql
import waitress

PORT, DB_PORT, DB_PASSWORD = sys.argv[1:4]
HERE = 'http://127.0.0.1:%s' % PORT
ATTACHMENT = re.compile(r'/v2\.1/servers/([^/]+)/os-volume_attachments/([^/]+)$')
NOT_FOUND = '404 Not Found', {
    'itemNotFound': {'code': 404, 'message': 'Instance could not be found.'}}


def links(path):
    return [{'rel': 'self', 'href': HERE + path}]


def compute_version():
    return {'id': 'v2.1', 'status': 'CURRENT', 'version': '2.93',
            'min_version': '2.1', 'updated': '2013-07-23T11:33:21Z',
            'links': links('/v2.1/')}


def attachment_id(server_id, volume_id):
    connection = pymysql.connect(host='127.0.0.1', port=int(DB_PORT), user='lab',
                                 password=DB_PASSWORD, database='cinder')
    with connection, connection.cursor() as cursor:
        cursor.execute(
            'select id from volume_attachment where instance_uuid=%s and '
            'volume_id=%s and deleted=0', (server_id, volume_id))
        row = cursor.fetchone()
    return row and row[0]


def server_attachment(server_id, volume_id):
    found = attachment_id(server_id, volume_id)
    if not found:
        return NOT_FOUND
    return '200 OK', {'volumeAttachment': {
        'id': volume_id, 'volumeId': volume_id, 'serverId': server_id,
        'device': '/dev/vdb', 'attachment_id': found, 'bdm_uuid': found,
        'tag': None, 'delete_on_termination': False}}


def answer(path):
    match = ATTACHMENT.match(path)
    if match:
        return server_attachment(*match.groups())
    if path == '/':
        return '200 OK', {'versions': [compute_version()]}
    if path.rstrip('/') == '/v2.1':
        return '200 OK', {'version': compute_version()}
    if path.rstrip('/') in ('/image', '/image/v2', '/image/versions'):
        return '200 OK', {'versions': [{
            'id': 'v2.9', 'status': 'CURRENT', 'links': links('/image/v2/')}]}
    if path.endswith('/os-server-external-events'):
        return '200 OK', {'events': []}
    return NOT_FOUND


def application(environ, start_response):
    status, body = answer(environ['PATH_INFO'])
    data = json.dumps(body).encode()
    start_response(status, [('Content-Type', 'application/json'),
                            ('OpenStack-API-Version', 'compute 2.93'),
                            ('Content-Length', str(len(data)))])
    return [data]


waitress.serve(application, listen='127.0.0.1:' + PORT, threads=2, ident=None)
