#!/bin/sh
# Runs a command of a node with its passwords, which come as files: Patroni takes them from the environment alone.
set -eu
PATRONI_SUPERUSER_PASSWORD="$(cat /run/secrets/superuser)"
PATRONI_REPLICATION_PASSWORD="$(cat /run/secrets/replication)"
PATRONI_RESTAPI_PASSWORD="$(cat /run/secrets/restapi)"
PGPASSWORD="$PATRONI_SUPERUSER_PASSWORD"
export PATRONI_SUPERUSER_PASSWORD PATRONI_REPLICATION_PASSWORD PATRONI_RESTAPI_PASSWORD PGPASSWORD
exec "$@"
