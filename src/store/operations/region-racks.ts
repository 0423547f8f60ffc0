// Operations on the racks in region.db (`steps.ts`).
//
// 1. Each change of the table draws a new `racks-version`, by which a process sees that another
//    changed the racks.
// 2. Each change of a row draws a random revision, so an unchanged row is not read again, and a
//    rollback causes no confusion.
// 3. A rack's own reports leave its zone and its description alone.

import { computeBroadcastAddress, formatNetwork, type Ipv4Network } from '../../ground/address.ts';
import { ownNetworks } from '../../region/racks/rack-networks.ts';
import type { NewMachineEvent } from '../../region/records/machine-event.ts';
import { RACK_STATES, type Rack, type RackImage, type RackPulse } from '../../region/records/rack.ts';
import type {
  FoundHome,
  MachineHome,
  MachineSign,
  RackChange,
  RackKeyHolder,
  RacksSeen,
} from '../../region/records/rack-store.ts';
import {
  codec,
  composeInsert,
  composeReplace,
  flag,
  ipv4Column,
  json,
  mapColumn,
  number,
  optional,
  type Row,
  text,
  wordColumn,
} from '../rows.ts';
import { all, one, run, type Statement, type Steps } from '../steps.ts';
import { LoggedTable } from './region-events.ts';
import { countVersion, createRevision, drawVersion, readDrawnVersion } from './region-versions.ts';

/** The revision when it was read. */
interface KnownRow {
  readonly revision: string;
  readonly rack: Rack;
}

export class RackTable extends LoggedTable {
  /** By UUID. */
  #knownRows: ReadonlyMap<string, KnownRow> = new Map();

  /** Reads only the rows that have changed. */
  *list(): Steps<readonly Rack[]> {
    const knownBefore = this.#knownRows;
    const { rows } = yield all('SELECT id, uuid, revision FROM rack INDEXED BY rack_revision ORDER BY id');
    const revisions = rows.map(readRevision);
    const changedRevisions = revisions.filter(({ uuid, revision }) => knownBefore.get(uuid)?.revision !== revision);
    const changedRacks = yield* this.#readRacks(changedRevisions.map(({ uuid }) => uuid));
    const knownNow = new Map<string, KnownRow>();
    for (const { uuid, revision } of revisions) {
      const rack = changedRacks.get(uuid) ?? knownBefore.get(uuid)?.rack;
      if (rack !== undefined) knownNow.set(uuid, { revision, rack });
    }
    this.#knownRows = knownNow;
    return [...knownNow.values()].map(({ rack }) => rack);
  }

  *look(knownVersion: number): Steps<RacksSeen | undefined> {
    const version = yield* readDrawnVersion('racks-version');
    if (version === knownVersion) return undefined;
    const { rows } = yield all(
      'SELECT rack.uuid, token_key, secret_digest, username, is_admin FROM (SELECT uuid, token FROM rack WHERE secret_digest IS NULL) AS rack ' +
        'JOIN api_key ON api_key.token_key = rack.token LEFT JOIN account ON account.id = api_key.account_id',
    );
    return { version, racks: yield* this.list(), keys: rows.map(readRackKey) };
  }

  *images(uuids: readonly string[]): Steps<ReadonlyMap<string, readonly RackImage[]>> {
    const sql = 'SELECT rack_uuid, images FROM rack_images WHERE rack_uuid IN texts(?)';
    const { rows } = yield all(sql, JSON.stringify(uuids));
    return new Map(rows.map(readRackImages));
  }

  *putImages(uuid: string, images: readonly RackImage[]): Steps<void> {
    yield run(
      'INSERT INTO rack_images (rack_uuid, images) SELECT uuid, ? FROM rack WHERE uuid = ? ' +
        'ON CONFLICT (rack_uuid) DO UPDATE SET images = excluded.images',
      JSON.stringify(images),
      uuid,
    );
  }

  *describe(uuid: string, description: string, event: NewMachineEvent): Steps<boolean> {
    const { row } = yield one('SELECT description FROM rack WHERE uuid = ?', uuid);
    if (row === undefined) return false;
    yield run(
      'UPDATE rack SET description = ?, revision = ? WHERE uuid = ?',
      description || null,
      createRevision(),
      uuid,
    );
    yield* this.addChange(event, row, { description });
    yield* drawVersion('racks-version');
    return true;
  }

  *findHomes(signs: readonly MachineSign[]): Steps<readonly FoundHome[]> {
    const columns = 'system_id, hostname, home, nic.mac, nic.address';
    const macs = new Set(signs.flatMap(({ mac }) => mac ?? []));
    const addresses = new Set(signs.flatMap(({ mac, address }) => (mac === undefined ? (address ?? []) : [])));
    const { rows: byMac } = yield all(
      `SELECT ${columns} FROM interface AS nic JOIN machine ON machine.id = nic.machine_id WHERE nic.mac IN numbers(?)`,
      JSON.stringify([...macs]),
    );
    const { rows: byAddress } = yield all(
      `SELECT ${columns} FROM texts(?) AS asked JOIN interface AS nic ON nic.id = (SELECT id FROM interface ` +
        'WHERE address = CAST(asked.value AS BIGINT) ORDER BY seen_ms DESC NULLS LAST LIMIT 1) JOIN machine ON machine.id = nic.machine_id',
      JSON.stringify([...addresses]),
    );
    const homesByMac = new Map(byMac.map((row) => [row.mac, readHome(row)]));
    const homesByAddress = new Map(byAddress.map((row) => [row.address, readHome(row)]));
    return signs.map(({ mac, address }) =>
      mac !== undefined ? homesByMac.get(mac) : address !== undefined ? homesByAddress.get(address) : undefined,
    );
  }

  *change<R>(decide: (racks: readonly Rack[]) => RackChange<R>): Steps<R> {
    const racksBefore = yield* this.list();
    const { put, remove = [], events, result } = decide(racksBefore);
    for (const rack of put) {
      yield* this.#put(rack);
      const formerState = racksBefore.find(({ uuid }) => uuid === rack.uuid)?.state;
      if (formerState === 'accepted' && rack.state !== 'accepted') yield forgetLeases(rack.uuid);
    }
    if (yield* this.#isGainingWork(put, racksBefore)) yield* countVersion([]);
    for (const uuid of remove) {
      yield forgetLeases(uuid);
      yield run('DELETE FROM rack WHERE uuid = ?', uuid);
    }
    for (const event of events) yield* this.events.add(event);
    if (put.length > 0 || remove.length > 0) yield* drawVersion('racks-version');
    return result;
  }

  /** Whether one of these racks gains a network that is the home of machines with a boot token. */
  *#isGainingWork(racks: readonly Rack[], racksBefore: readonly Rack[]): Steps<boolean> {
    const newNetworks = racks.flatMap((rack) => findGainedNetworks(rack, racksBefore));
    if (newNetworks.length === 0) return false;
    const ranges = newNetworks.map((network) => [network.address, computeBroadcastAddress(network)]);
    const query =
      'SELECT 1 AS found FROM rows(?) AS one JOIN machine ON boot_token IS NOT NULL AND ' +
      'home BETWEEN CAST(one.value ->> 0 AS BIGINT) AND CAST(one.value ->> 1 AS BIGINT) LIMIT 1';
    return (yield one(query, JSON.stringify(ranges))).row !== undefined;
  }

  *#readRacks(uuids: readonly string[]): Steps<ReadonlyMap<string, Rack>> {
    if (uuids.length === 0) return new Map();
    const { rows } = yield all('SELECT * FROM rack WHERE uuid IN texts(?)', JSON.stringify(uuids));
    return new Map(rows.map(readRack).map((rack) => [rack.uuid, rack]));
  }

  *#put(rack: Rack): Steps<void> {
    yield run(PUT_SQL, ...WRITTEN_RACK.values(rack), createRevision());
  }
}

/** Forgets the leases of a rack that leaves the accepted ones. */
const forgetLeases = (uuid: string): Statement =>
  run('DELETE FROM host_lease WHERE rack IN (SELECT id FROM rack WHERE uuid = ?)', uuid);

/** Networks that an accepted rack did not have before. */
function findGainedNetworks(rack: Rack, racks: readonly Rack[]): readonly Ipv4Network[] {
  if (rack.state !== 'accepted') return [];
  const accepted = racks.find(({ uuid, state }) => uuid === rack.uuid && state === 'accepted');
  const formerNetworks = new Set((accepted === undefined ? [] : ownNetworks(accepted)).map(formatNetwork));
  return ownNetworks(rack).filter((network) => !formerNetworks.has(formatNetwork(network)));
}

const writtenRack = {
  uuid: text('uuid'),
  name: text('name'),
  state: wordColumn('state', RACK_STATES),
  isEmbedded: flag('is_embedded'),
  token: optional(text('token')),
  secretDigest: optional(text('secret_digest')),
  interfaces: json<Rack['interfaces']>('interfaces'),
  agreed: json<Rack['agreed']>('agreed'),
  disputed: json<Rack['disputed']>('disputed'),
  version: text('version'),
  uplink: number('uplink'),
  address: text('address'),
  registeredMs: number('registered_ms'),
  stateSinceMs: number('state_since_ms'),
  seenMs: optional(number('seen_ms')),
  awayMs: optional(number('away_ms')),
  source: optional(text('source')),
  refused: json<Rack['refused']>('refused'),
  pulse: optional(json<RackPulse>('pulse')),
};
const WRITTEN_RACK = codec<Omit<Rack, 'zoneId' | 'description'>>(writtenRack);
const WRITTEN_NAMES = [...WRITTEN_RACK.names, 'revision'];
const PUT_SQL = composeInsert('rack', WRITTEN_NAMES) + composeReplace('uuid', WRITTEN_NAMES);
const readRack = codec<Rack>({
  ...writtenRack,
  zoneId: optional(number('zone_id')),
  description: optional(text('description')),
}).read;

const readHome = codec<MachineHome>({
  systemId: text('system_id'),
  hostname: text('hostname'),
  home: optional(ipv4Column('home')),
  seen: optional(ipv4Column('address')),
}).read;

const readRackKey = codec<RackKeyHolder>({
  uuid: text('uuid'),
  secretDigest: text('secret_digest'),
  username: optional(text('username')),
  isAdmin: mapColumn(optional(flag('is_admin')), Boolean, Boolean),
}).read;

const readRevision = codec<{ readonly uuid: string; readonly revision: string }>({
  uuid: text('uuid'),
  revision: text('revision'),
}).read;

const imagesColumn = json<readonly RackImage[]>('images');
const readRackImages = (row: Row): readonly [uuid: string, images: readonly RackImage[]] => [
  text('rack_uuid').read(row),
  imagesColumn.read(row),
];
