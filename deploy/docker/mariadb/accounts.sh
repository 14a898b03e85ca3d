# Run once by the image's entry point, on an empty volume: who else may read the demo bank, and how much.
# The image has made database and account `bank` itself. See ACCOUNTS in deploy/stack/mariadb.py.
docker_process_sql <<SQL
SET SESSION sql_log_bin = 0;
GRANT PROCESS ON *.* TO '${MARIADB_USER}'@'%';
CREATE USER 'dbz'@'%' IDENTIFIED BY '${DEBEZIUM_PASSWORD}';
GRANT RELOAD, SHOW DATABASES, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO 'dbz'@'%';
GRANT SELECT, LOCK TABLES ON \`${MARIADB_DATABASE}\`.* TO 'dbz'@'%';
SQL
