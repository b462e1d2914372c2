"""Serves an OpenStack API: serve_wsgi.py keystone|barbican|cinder-api PORT ETC

Waitress serves it with threads and keeps connections alive; the packages' own
servers want a web server in front of them.
"""
import os
import sys

import waitress


def keystone(etc):
    sys.argv = ['keystone-wsgi-public']
    os.environ['OS_KEYSTONE_CONFIG_DIR'] = etc + '/keystone'
    from keystone.server.wsgi import initialize_public_application
    return initialize_public_application()


def barbican(etc):
    sys.argv = ['barbican-wsgi-api']
    from paste import deploy
    return deploy.loadapp('config:%s/barbican/api-paste.ini' % etc)


def cinder_api(etc):
    sys.argv = ['cinder-wsgi', '--config-file', etc + '/cinder/cinder.conf']
    from cinder.wsgi.wsgi import initialize_application
    return initialize_application()


APPLICATIONS = {
    'keystone': keystone,
    'barbican': barbican,
    'cinder-api': cinder_api,
}


def main():
    name, port, etc = sys.argv[1:4]
    waitress.serve(APPLICATIONS[name](etc), listen='127.0.0.1:' + port,
                   threads=8, ident=None, channel_timeout=120,
                   clear_untrusted_proxy_headers=True)


main()
