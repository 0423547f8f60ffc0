// Writes and reads the rows of network objects in region.db: the columns of each of their tables.

import { type Ipv4, ipv4, type MacAddress, mac } from '../../net/address.ts';
import { readStoredLayout } from '../../region/records/machine-layout.ts';
import {
  type Connection,
  dnsServers,
  type Fabric,
  type NetworkKind,
  type NetworkRecords,
  type NetworkUse,
  type ReservedAddress,
  type Space,
  type StaticRoute,
  type StoredRange,
  type Subnet,
  type UsedAddress,
  type Vlan,
} from '../../region/records/network-store.ts';
import { converted, number, optionalNumber, optionalText, type Row, readsRow, type StoredRow, text } from '../rows.ts';
import type { Value } from './region-steps.ts';

/** The kinds of ranges. */
export const RANGE_KINDS = ['reserved', 'dynamic', 'static'] as const;

/** The schemas of the columns with JSON. */
export const networkColumns = { 'subnet.dns_servers': dnsServers } as const;

/** One table: its name, its columns after `id`, an object's values for these columns, and the reader of its rows. */
interface Table<T> {
  readonly name: string;
  readonly columns: readonly string[];
  readonly values: (object: T) => readonly Value[];
  readonly read: (row: StoredRow) => T;
}

const ADDRESS_MAX = 0xffff_ffff;
const MAC_MAX = 0xffff_ffff_ffff;

function within(row: Row, column: string, max: number): number {
  return converted(column, number(row, column), (value) => {
    if (!Number.isSafeInteger(value) || value < 0 || value > max) throw new Error('holds a number out of range');
    return value;
  });
}

const addressIn = (row: Row, column: string): Ipv4 => ipv4(within(row, column, ADDRESS_MAX));
const optionalAddress = (row: Row, column: string): Ipv4 | undefined =>
  row[column] === null ? undefined : addressIn(row, column);
const macIn = (row: Row, column: string): MacAddress => mac(within(row, column, MAC_MAX));
const flag = (value: boolean): number => (value ? 1 : 0);
const flagIn = (row: Row, column: string): boolean => number(row, column) !== 0;

const spaces: Table<Space> = {
  name: 'network_space',
  columns: ['name', 'description'],
  values: ({ name, description }) => [name, description],
  read: readsRow('network_space', (row) => ({
    id: number(row, 'id'),
    name: text(row, 'name'),
    description: text(row, 'description'),
  })),
};

const fabrics: Table<Fabric> = {
  name: 'fabric',
  columns: ['name', 'description', 'class_type', 'is_touched'],
  values: ({ name, description, classType, isTouched }) => [name, description, classType, flag(isTouched)],
  read: readsRow('fabric', (row) => ({
    id: number(row, 'id'),
    name: text(row, 'name'),
    description: text(row, 'description'),
    classType: text(row, 'class_type'),
    isTouched: flagIn(row, 'is_touched'),
  })),
};

const vlans: Table<Vlan> = {
  name: 'vlan',
  columns: ['fabric_id', 'vid', 'name', 'description', 'mtu', 'space_id', 'is_touched'],
  values: (vlan) => [
    vlan.fabricId,
    vlan.vid,
    vlan.name,
    vlan.description,
    vlan.mtu,
    vlan.spaceId ?? null,
    flag(vlan.isTouched),
  ],
  read: readsRow('vlan', (row) => ({
    id: number(row, 'id'),
    fabricId: number(row, 'fabric_id'),
    vid: number(row, 'vid'),
    name: text(row, 'name'),
    description: text(row, 'description'),
    mtu: number(row, 'mtu'),
    spaceId: optionalNumber(row, 'space_id'),
    isTouched: flagIn(row, 'is_touched'),
  })),
};

const subnets: Table<Subnet> = {
  name: 'subnet',
  columns: ['cidr', 'name', 'description', 'vlan_id', 'gateway', 'dns_servers', 'is_touched', 'is_dns_allowed'],
  values: (subnet) => [
    subnet.cidr,
    subnet.name,
    subnet.description,
    subnet.vlanId,
    subnet.gateway ?? null,
    JSON.stringify(subnet.dnsServers),
    flag(subnet.isTouched),
    flag(subnet.allowsDns),
  ],
  read: readsRow('subnet', (row) => ({
    id: number(row, 'id'),
    cidr: text(row, 'cidr'),
    name: text(row, 'name'),
    description: text(row, 'description'),
    vlanId: number(row, 'vlan_id'),
    gateway: optionalAddress(row, 'gateway'),
    dnsServers: converted('dns_servers', text(row, 'dns_servers'), (written) => {
      const read = networkColumns['subnet.dns_servers'].safeParse(JSON.parse(written));
      if (!read.success) throw new TypeError('a value has another form', { cause: read.error });
      return read.data;
    }),
    isTouched: flagIn(row, 'is_touched'),
    allowsDns: flagIn(row, 'is_dns_allowed'),
  })),
};

/** The kind in the row of a range that has bounds: a dynamic one with bounds is kept. */
const WRITTEN = { reserved: 'reserved', kept: 'dynamic' } as const;

const ranges: Table<StoredRange> = {
  name: 'address_range',
  columns: ['subnet_id', 'kind', 'low', 'high', 'username', 'rack', 'cluster_interface', 'comment'],
  values: (range) =>
    range.kind === 'reserved' || range.kind === 'kept'
      ? [range.subnetId, WRITTEN[range.kind], range.low, range.high, range.username, '', '', range.comment]
      : [range.subnetId, range.kind, null, null, range.username, range.rack, range.clusterInterface, range.comment],
  read: readsRow('address_range', (row) => {
    const kind = RANGE_KINDS.find((one) => one === row.kind);
    if (kind === undefined) throw new Error('column kind holds no kind of range');
    const both = {
      id: number(row, 'id'),
      subnetId: number(row, 'subnet_id'),
      username: text(row, 'username'),
      comment: text(row, 'comment'),
    };
    const isKept = kind === 'dynamic' && row.low !== null;
    return kind === 'reserved' || isKept
      ? { ...both, kind: isKept ? 'kept' : 'reserved', low: addressIn(row, 'low'), high: addressIn(row, 'high') }
      : { ...both, kind, rack: text(row, 'rack'), clusterInterface: text(row, 'cluster_interface') };
  }),
};

const reserved: Table<ReservedAddress> = {
  name: 'reserved_address',
  columns: ['subnet_id', 'address', 'username', 'created_ms', 'mac', 'hostname', 'domain'],
  values: (one) => [
    one.subnetId,
    one.address,
    one.username,
    one.createdMs,
    one.mac ?? null,
    one.hostname ?? null,
    one.domain ?? null,
  ],
  read: readsRow('reserved_address', (row) => ({
    id: number(row, 'id'),
    subnetId: number(row, 'subnet_id'),
    address: addressIn(row, 'address'),
    username: text(row, 'username'),
    createdMs: number(row, 'created_ms'),
    mac: row.mac === null ? undefined : macIn(row, 'mac'),
    hostname: optionalText(row, 'hostname'),
    domain: optionalText(row, 'domain'),
  })),
};

const routes: Table<StaticRoute> = {
  name: 'static_route',
  columns: ['source_id', 'destination_id', 'gateway', 'metric'],
  values: ({ sourceId, destinationId, gateway, metric }) => [sourceId, destinationId, gateway, metric],
  read: readsRow('static_route', (row) => ({
    id: number(row, 'id'),
    sourceId: number(row, 'source_id'),
    destinationId: number(row, 'destination_id'),
    gateway: addressIn(row, 'gateway'),
    metric: number(row, 'metric'),
  })),
};

const connections: Table<Connection> = {
  name: 'subnet_connection',
  columns: ['subnet_id', 'mac'],
  values: ({ subnetId, mac: address }) => [subnetId, address],
  read: readsRow('subnet_connection', (row) => ({
    id: number(row, 'id'),
    subnetId: number(row, 'subnet_id'),
    mac: macIn(row, 'mac'),
  })),
};

/** The table of each kind. */
export const NETWORK_TABLES: { readonly [K in NetworkKind]: Table<NetworkRecords[K][number]> } = {
  spaces,
  fabrics,
  vlans,
  subnets,
  ranges,
  reserved,
  routes,
  connections,
};

export const readUsed = readsRow(
  'interface',
  (row): UsedAddress => ({
    address: addressIn(row, 'address'),
    mac: macIn(row, 'mac'),
    kind: number(row, 'is_seen') === 0 ? 'allocated' : 'seen',
    systemId: text(row, 'system_id'),
    hostname: text(row, 'hostname'),
    domain: text(row, 'domain'),
    owner: optionalText(row, 'owner') ?? '',
    isDevice: number(row, 'is_device') !== 0,
    isStatic: number(row, 'is_static') !== 0,
    interfaceName: optionalText(row, 'interface_name') ?? '',
    isEnded: optionalNumber(row, 'ended_ms') !== undefined,
    atMs: optionalNumber(row, 'at_ms') ?? 0,
  }),
);

export const readLinked = readsRow('machine', (row): NetworkRecords['linked'][number] => ({
  address: addressIn(row, 'address'),
  device: text(row, 'hostname'),
  username: optionalText(row, 'owner') ?? '',
}));

/** The VLANs and subnets that a stored layout names. Most name none that is asked for, so this does not parse the layout. */
export const readNamed = readsRow(
  'machine',
  (row): readonly string[] => text(row, 'layout').match(/"(?:vlan|subnet)Id":\d+/g) ?? [],
);

/**
 * The first interface in the layout of a machine that is in one of these VLANs, or linked to one of these subnets; `undefined`: none.
 * @param present the ids of the machine's physical interfaces: the layout may still have others, which nobody sees
 */
export function readLayoutUse(
  row: StoredRow,
  present: ReadonlySet<number>,
  vlanIds: ReadonlySet<number>,
  subnetIds: ReadonlySet<number>,
): NetworkUse | undefined {
  const { systemId, hostname, layout } = readLaidMachine(row);
  const { interfaces = [], links = [] } = layout.network ?? {};
  const linked = new Set(
    links.filter(({ subnetId }) => subnetId !== undefined && subnetIds.has(subnetId)).map((link) => link.interfaceId),
  );
  const using = interfaces.find(
    ({ id, kind, vlanId }) =>
      (kind !== 'physical' || present.has(id)) && (linked.has(id) || vlanIds.has(vlanId ?? Number.NaN)),
  );
  return using === undefined ? undefined : { systemId, hostname, by: { kind: 'interface', name: using.name } };
}

const readLaidMachine = readsRow('machine', (row) => ({
  systemId: text(row, 'system_id'),
  hostname: text(row, 'hostname'),
  layout: converted('layout', text(row, 'layout'), readStoredLayout),
}));

export const readGivenUse = readsRow(
  'allocation',
  (row): NetworkUse => ({
    systemId: text(row, 'system_id'),
    hostname: text(row, 'hostname'),
    by: { kind: 'address', address: addressIn(row, 'address') },
  }),
);

export const readRowId = readsRow('machine', (row): number => number(row, 'id'));
