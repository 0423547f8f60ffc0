// The tables of networks as objects (`region/records/network-store.ts`), whose ids come from the
// counter `network-object`, and the leases of hosts.

export const NETWORKS = `
CREATE TABLE network_space (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  description TEXT NOT NULL
) STRICT;

-- is_touched, here and below: a person made or changed it.
CREATE TABLE fabric (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  description TEXT NOT NULL,
  class_type TEXT NOT NULL,
  is_touched INTEGER NOT NULL
) STRICT;

CREATE TABLE vlan (
  id INTEGER PRIMARY KEY,
  fabric_id INTEGER NOT NULL REFERENCES fabric (id) ON DELETE CASCADE,
  vid INTEGER NOT NULL,
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  mtu INTEGER NOT NULL,
  space_id INTEGER REFERENCES network_space (id),
  is_touched INTEGER NOT NULL,
  UNIQUE (fabric_id, vid)
) STRICT;

-- gateway, dns_servers (JSON list): used while no rack serves the subnet.
CREATE TABLE subnet (
  id INTEGER PRIMARY KEY,
  cidr TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  vlan_id INTEGER NOT NULL REFERENCES vlan (id) ON DELETE CASCADE,
  gateway INTEGER,
  dns_servers TEXT NOT NULL,
  is_touched INTEGER NOT NULL
) STRICT;

-- Reserved ranges have bounds and a user. The others are the dynamic and static ranges of a rack's cluster interface, which has their bounds.
CREATE TABLE address_range (
  id INTEGER PRIMARY KEY,
  subnet_id INTEGER NOT NULL REFERENCES subnet (id) ON DELETE CASCADE,
  kind TEXT NOT NULL,
  low INTEGER,
  high INTEGER,
  username TEXT NOT NULL,
  rack TEXT NOT NULL,
  cluster_interface TEXT NOT NULL,
  comment TEXT NOT NULL
) STRICT;
CREATE INDEX address_range_reserved ON address_range (low, high) WHERE low IS NOT NULL;

CREATE TABLE reserved_address (
  id INTEGER PRIMARY KEY,
  subnet_id INTEGER NOT NULL REFERENCES subnet (id) ON DELETE CASCADE,
  address INTEGER NOT NULL UNIQUE,
  username TEXT NOT NULL,
  created_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE static_route (
  id INTEGER PRIMARY KEY,
  source_id INTEGER NOT NULL REFERENCES subnet (id) ON DELETE CASCADE,
  destination_id INTEGER NOT NULL REFERENCES subnet (id) ON DELETE CASCADE,
  gateway INTEGER NOT NULL,
  metric INTEGER NOT NULL
) STRICT;

CREATE TABLE subnet_connection (
  id INTEGER PRIMARY KEY,
  subnet_id INTEGER NOT NULL REFERENCES subnet (id) ON DELETE CASCADE,
  mac INTEGER NOT NULL,
  UNIQUE (subnet_id, mac)
) STRICT;
`;

/**
 * family: of its addresses, as the version of IP. subnet_service: the work of a rack, `rack`, its
 * UUID, in a subnet (`region/records/subnet-service.ts`). position: the order for racks. interface,
 * ip: null: the rack is behind relay agents. is_dns: remembered while it is off. router,
 * dns_servers (JSON): null: the subnet's; 0, and `null`: none. terms: the rest, as JSON, in the
 * form of a configuration file. made_by: who made the range for which it was made; null: it was
 * made by itself. service_id: the range is of a service, and is no reserve. former_setting: the
 * settings that became rows, as they were.
 */
export const SUBNET_SERVICES = `
ALTER TABLE subnet ADD COLUMN family INTEGER NOT NULL DEFAULT 4;
CREATE TABLE subnet_service (
  id INTEGER PRIMARY KEY,
  subnet_id INTEGER NOT NULL REFERENCES subnet (id),
  rack TEXT NOT NULL,
  name TEXT NOT NULL,
  position INTEGER NOT NULL,
  interface TEXT,
  ip INTEGER,
  is_on INTEGER NOT NULL,
  is_dns INTEGER NOT NULL,
  is_proxy INTEGER NOT NULL,
  router INTEGER,
  dns_servers TEXT,
  terms TEXT NOT NULL,
  made_by TEXT,
  changed_ms INTEGER NOT NULL,
  UNIQUE (rack, name)
) STRICT;
CREATE INDEX subnet_service_subnet ON subnet_service (subnet_id);
ALTER TABLE address_range ADD COLUMN service_id INTEGER REFERENCES subnet_service (id) ON DELETE CASCADE;

CREATE TABLE former_setting (
  rack TEXT NOT NULL,
  key TEXT NOT NULL,
  value TEXT NOT NULL,
  position INTEGER NOT NULL,
  changed_ms INTEGER NOT NULL,
  PRIMARY KEY (rack, key)
) STRICT, WITHOUT ROWID;
`;

/**
 * An entry of `hosts` (`region/records/subnet-service.ts`). service_id: null: every service of the
 * subnet has it. position: the order for racks. entry: as JSON, in the form of a configuration file;
 * no other row refers to its further fields.
 */
export const SUBNET_HOSTS = `
CREATE TABLE subnet_host (
  id INTEGER PRIMARY KEY,
  subnet_id INTEGER NOT NULL REFERENCES subnet (id) ON DELETE CASCADE,
  service_id INTEGER REFERENCES subnet_service (id) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  address INTEGER NOT NULL,
  entry TEXT NOT NULL,
  comment TEXT NOT NULL,
  UNIQUE (service_id, address)
) STRICT;
CREATE INDEX subnet_host_subnet ON subnet_host (subnet_id);
`;

/**
 * address, mac: the last lease of an address that a rack reported. ends_ms: when it ends. rack: the
 * id of the rack; 0: the region's own; -1: no lease, but the hold of a released reservation.
 * released_by: the user who had reserved the address for the host, until it was released; null:
 * nobody.
 */
export const HOST_LEASES = `
CREATE TABLE host_lease (
  address INTEGER NOT NULL,
  mac INTEGER NOT NULL,
  ends_ms INTEGER NOT NULL,
  rack INTEGER NOT NULL,
  released_by TEXT,
  PRIMARY KEY (address, rack)
) STRICT;
CREATE INDEX host_lease_ends ON host_lease (rack, ends_ms);
CREATE INDEX host_lease_released ON host_lease (released_by) WHERE released_by IS NOT NULL;
`;
