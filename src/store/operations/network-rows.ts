// The records of network objects in the rows of region.db, and the addresses that machines use.

import type { Settings } from '../../machines/settings.ts';
import type { MachineLayout } from '../../region/records/machine-layout.ts';
import type {
  Connection,
  Fabric,
  NetworkKind,
  NetworkRecords,
  NetworkUse,
  ReservedAddress,
  Space,
  StaticRoute,
  StoredRange,
  Subnet,
  UsedAddress,
  Vlan,
} from '../../region/records/network-store.ts';
import type { SubnetHost, SubnetService } from '../../region/records/subnet-service.ts';
import {
  type Codec,
  type Column,
  codec,
  flag,
  ipv4Column,
  json,
  macColumn,
  mapColumn,
  number,
  optional,
  type Row,
  text,
  wordColumn,
} from '../rows.ts';

interface Table<T> extends Omit<Codec<T>, 'names'> {
  readonly name: string;
}

const RANGE_KINDS = ['reserved', 'dynamic', 'static'] as const;

const id = number('id');
const namedColumns = { id, name: text('name'), description: text('description') };

const RANGE = codec({
  id,
  subnetId: number('subnet_id'),
  kind: wordColumn('kind', RANGE_KINDS),
  low: optional(ipv4Column('low')),
  high: optional(ipv4Column('high')),
  username: text('username'),
  rack: text('rack'),
  /** Empty; earlier versions wrote the name of the cluster interface. */
  clusterInterface: text('cluster_interface'),
  comment: text('comment'),
  serviceId: optional(number('service_id')),
});

function readRange(row: Row): StoredRange {
  const { kind, low, high, rack, clusterInterface: _, serviceId, ...commonFields } = RANGE.read(row);
  if (serviceId !== undefined && low !== undefined && high !== undefined && kind !== 'reserved')
    return { ...commonFields, kind, rack, serviceId, low, high };
  return low !== undefined && high !== undefined && kind !== 'static'
    ? { ...commonFields, kind, low, high }
    : { ...commonFields, kind: kind === 'dynamic' ? kind : 'static', rack };
}

export const NETWORK_TABLES: { readonly [K in NetworkKind]: Table<NetworkRecords[K][number]> } = {
  spaces: { name: 'network_space', ...codec<Space>(namedColumns) },
  fabrics: {
    name: 'fabric',
    ...codec<Fabric>({ ...namedColumns, classType: text('class_type'), isTouched: flag('is_touched') }),
  },
  vlans: {
    name: 'vlan',
    ...codec<Vlan>({
      ...namedColumns,
      fabricId: number('fabric_id'),
      vid: number('vid'),
      mtu: number('mtu'),
      spaceId: optional(number('space_id')),
      isTouched: flag('is_touched'),
    }),
  },
  subnets: {
    name: 'subnet',
    ...codec<Subnet>({
      ...namedColumns,
      cidr: text('cidr'),
      vlanId: number('vlan_id'),
      gateway: optional(ipv4Column('gateway')),
      dnsServers: json<readonly string[]>('dns_servers'),
      isTouched: flag('is_touched'),
      allowsDns: flag('is_dns_allowed'),
    }),
  },
  services: {
    name: 'subnet_service',
    ...codec<SubnetService>({
      id,
      subnetId: number('subnet_id'),
      rack: text('rack'),
      name: text('name'),
      position: number('position'),
      interface: optional(text('interface')),
      ip: optional(ipv4Column('ip')),
      isOn: flag('is_on'),
      isDns: flag('is_dns'),
      isProxy: flag('is_proxy'),
      router: optional(ipv4Column('router')),
      dnsServers: optional(json<readonly string[] | null>('dns_servers')),
      terms: json<Settings>('terms'),
      madeBy: optional(text('made_by')),
      changedMs: number('changed_ms'),
    }),
  },
  hosts: {
    name: 'subnet_host',
    ...codec<SubnetHost>({
      id,
      subnetId: number('subnet_id'),
      serviceId: optional(number('service_id')),
      position: number('position'),
      address: ipv4Column('address'),
      entry: json<Settings>('entry'),
      comment: text('comment'),
    }),
  },
  ranges: {
    name: 'address_range',
    columns: RANGE.columns,
    read: readRange,
    values: (range) =>
      RANGE.values({ low: undefined, high: undefined, rack: '', clusterInterface: '', serviceId: undefined, ...range }),
  },
  reserved: {
    name: 'reserved_address',
    ...codec<ReservedAddress>({
      id,
      subnetId: number('subnet_id'),
      address: ipv4Column('address'),
      username: text('username'),
      createdMs: number('created_ms'),
      mac: optional(macColumn('mac')),
      hostname: optional(text('hostname')),
      domain: optional(text('domain')),
    }),
  },
  routes: {
    name: 'static_route',
    ...codec<StaticRoute>({
      id,
      sourceId: number('source_id'),
      destinationId: number('destination_id'),
      gateway: ipv4Column('gateway'),
      metric: number('metric'),
    }),
  },
  connections: {
    name: 'subnet_connection',
    ...codec<Connection>({ id, subnetId: number('subnet_id'), mac: macColumn('mac') }),
  },
};

/** Reads NULL as another value. */
const withDefault = <T>(column: Column<T>, otherwise: T): Column<T> =>
  mapColumn(
    optional(column),
    (value) => value ?? otherwise,
    (value) => value,
  );
const systemId = text('system_id');
const hostname = text('hostname');
const layout = json<MachineLayout>('layout');

export const readUsed = codec<UsedAddress>({
  address: ipv4Column('address'),
  mac: macColumn('mac'),
  kind: mapColumn<boolean, UsedAddress['kind']>(flag('is_seen'), (isSeen) => (isSeen ? 'seen' : 'allocated'), Boolean),
  systemId,
  hostname,
  domain: text('domain'),
  owner: withDefault(text('owner'), ''),
  isDevice: flag('is_device'),
  isStatic: flag('is_static'),
  interfaceName: withDefault(text('interface_name'), ''),
  isEnded: mapColumn(optional(number('ended_ms')), (ended) => ended !== undefined, Number),
  atMs: withDefault(number('at_ms'), 0),
}).read;

export const readLinked = codec<NetworkRecords['linked'][number]>({
  address: ipv4Column('address'),
  device: hostname,
  username: withDefault(text('owner'), ''),
}).read;

/** The VLANs and subnets that a stored layout names, without parsing it: most name none that is asked for. */
export const readNamedNetworks = (row: Row): readonly string[] =>
  text('layout')
    .read(row)
    .match(/"(?:vlan|subnet)Id":\d+/g) ?? [];

/**
 * The first interface in a machine's layout that is in one of these VLANs, or linked to one of these subnets.
 * @param presentIds the ids of the machine's physical interfaces: the layout may still have others,
 * which nobody sees
 */
export function readLayoutUse(
  row: Row,
  presentIds: ReadonlySet<number>,
  vlanIds: ReadonlySet<number>,
  subnetIds: ReadonlySet<number>,
): NetworkUse | undefined {
  const { interfaces = [], links = [] } = layout.read(row).network ?? {};
  const linkedIds = new Set(
    links.filter(({ subnetId }) => subnetId !== undefined && subnetIds.has(subnetId)).map((link) => link.interfaceId),
  );
  const usingInterface = interfaces.find(
    (nic) =>
      (nic.kind !== 'physical' || presentIds.has(nic.id)) &&
      (linkedIds.has(nic.id) || vlanIds.has(nic.vlanId ?? Number.NaN)),
  );
  return usingInterface && { ...readHost(row), by: { kind: 'interface', name: usingInterface.name } };
}

const readHost = codec<Pick<NetworkUse, 'systemId' | 'hostname'>>({ systemId, hostname }).read;

export const readAddressUse = (row: Row): NetworkUse => ({
  ...readHost(row),
  by: { kind: 'address', address: ipv4Column('address').read(row) },
});
