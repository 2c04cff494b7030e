CREATE USER IF NOT EXISTS 'openstack'@'%' IDENTIFIED BY '$secret';
GRANT ALL ON *.* TO 'openstack'@'%';
$create_databases
