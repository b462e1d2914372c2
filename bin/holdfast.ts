#!/usr/bin/env node
import './holdfast.mjs'
