// The tables of networks as objects (`region/records/network-store.ts`), whose ids come from the counter `network-object`, and the leases of hosts.

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
 * address, mac: the last lease of an address that a rack reported. ends_ms: when it ends. rack: the id of the rack; 0: the region's own; -1: no
 * lease, but the hold of a released reservation. released_by: the user who had reserved the address for the host, until it was released; null: nobody.
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
