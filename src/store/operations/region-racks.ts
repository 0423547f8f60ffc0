// Operations on the racks in region.db (`region-steps.ts`).
//
// 1. Each change of the table draws a new `racks-version`, so a process sees from one number that another process changed the racks.
// 2. Each change of a row draws a random revision, so an unchanged row is not read again, and a rollback causes no confusion.
// 3. A rack's own reports leave its zone and its description alone.
// 4. A damaged row keeps only its own rack out of the lists. A damaged row is replaced only if it belongs to this process's own rack.

import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { RackError } from '../../errors.ts';
import { broadcastOf, formatNetwork, type Ipv4Network } from '../../net/address.ts';
import { parseRackImages } from '../../region/racks/rack-images.ts';
import { ownNetworks } from '../../region/racks/rack-networks.ts';
import { HEARTBEAT_VALUES_MAX } from '../../region/racks/rack-news.ts';
import type { NewMachineEvent } from '../../region/records/machine-event.ts';
import type { Rack, RackImage, RackState } from '../../region/records/rack.ts';
import type { RackInterface } from '../../region/records/rack-description.ts';
import type {
  FoundHome,
  MachineHome,
  MachineSign,
  RackChange,
  RackKeyHolder,
  RacksSeen,
} from '../../region/records/rack-store.ts';
import { parseJson } from '../../region/records/text-json.ts';
import { converted, number, optionalNumber, optionalText, type Row, readsRow, type StoredRow, text } from '../rows.ts';
import { type Readable, RowReader } from './readable-rows.ts';
import type { EventTable } from './region-events.ts';
import { ipv4Of } from './region-rows.ts';
import { all, one, run, type Statement, type Steps } from './region-steps.ts';
import { countVersion, drawRacksVersion, racksVersion } from './region-versions.ts';

const REVISION_BYTES = 8;
const newRevision = (): string => randomBytes(REVISION_BYTES).toString('hex');
const OTHER_FORM = 'a value has another form';
const NOT_JSON = 'a value is not JSON, or too large';

const COLUMNS = [
  'uuid',
  'name',
  'state',
  'is_embedded',
  'token',
  'secret_digest',
  'interfaces',
  'agreed',
  'disputed',
  'version',
  'uplink',
  'address',
  'registered_ms',
  'state_since_ms',
  'seen_ms',
  'away_ms',
  'source',
  'refused',
  'pulse',
] as const;

const interfaces: z.ZodType<readonly RackInterface[]> = z.array(
  z.object({
    name: z.string(),
    interface: z.string(),
    ip: z.string(),
    network: z.string(),
    management: z.literal([0, 1, 2]),
    ip_range_low: z.string(),
    ip_range_high: z.string(),
    static_ip_range_low: z.string(),
    static_ip_range_high: z.string(),
    router_ip: z.string(),
    shared: z.string().optional(),
    foreign_dhcp_ip: z.string().optional(),
    reservations: z.array(z.object({ mac: z.string(), ip: z.string(), hostname: z.string().optional() })).optional(),
  }),
);
const networks = z.array(z.string());
const refused = z.array(z.object({ sequence: z.number(), reason: z.string() }));
const pulse = z.object({
  life: z.string(),
  applied: z.number(),
  waiting: z.number(),
  dropped: z.number(),
  deadLetters: z.number(),
  pinned: z.array(z.string()),
  settingsRefused: z.string().optional(),
  addresses: z.array(z.object({ interface: z.string(), address: z.string(), mac: z.string().optional() })).optional(),
  startedMs: z.number(),
});

/** The schemas of the columns with JSON. */
export const rackColumns = { interfaces, agreed: networks, disputed: networks, refused, pulse };

/** A rack, and the revision of its row when it was read. */
interface KnownRow {
  readonly revision: string;
  readonly rack: Rack;
}

/** Racks, and the errors of unreadable rows, by UUID. */
interface ReadRacks {
  readonly found: ReadonlyMap<string, Rack>;
  readonly damaged: ReadonlyMap<string, RackError>;
}

/** The table `rack`. */
export class RackTable {
  readonly #events: EventTable;
  /** Racks as last read, by UUID. */
  #known: ReadonlyMap<string, KnownRow> = new Map();
  /** The error of each rack whose row was unreadable then, by UUID. */
  #damaged: ReadonlyMap<string, RackError> = new Map();
  /** The errors of rows whose UUID is unreadable. */
  #unnamed: readonly RackError[] = [];

  constructor(events: EventTable) {
    this.#events = events;
  }

  /** Reads only the rows that have changed since the last read or were unreadable then. */
  *list(): Steps<readonly Rack[]> {
    const known = this.#known;
    const { rows } = yield all('SELECT id, uuid, revision FROM rack INDEXED BY rack_revision ORDER BY id');
    const unnamed = new RowReader();
    const revisions = unnamed.readEach(rows, readRevision);
    const changed = revisions.filter(({ uuid, revision }) => known.get(uuid)?.revision !== revision);
    const { found, damaged } = yield* this.#read(changed.map(({ uuid }) => uuid));
    const now = new Map<string, KnownRow>();
    for (const { uuid, revision } of revisions) {
      const rack = damaged.has(uuid) ? undefined : (found.get(uuid) ?? known.get(uuid)?.rack);
      if (rack !== undefined) now.set(uuid, { revision, rack });
    }
    this.#known = now;
    this.#damaged = damaged;
    this.#unnamed = unnamed.errors;
    return [...now.values()].map(({ rack }) => rack);
  }

  *look(known: number): Steps<Readable<RacksSeen | undefined>> {
    const version = yield* racksVersion();
    // Look again while rows are damaged: a person who repairs one does not change the version.
    if (version === known && this.#damaged.size + this.#unnamed.length === 0) return { found: undefined, errors: [] };
    const { rows } = yield all(
      'SELECT rack.uuid, token_key, secret_digest, username, is_admin FROM (SELECT uuid, token FROM rack WHERE secret_digest IS NULL) AS rack ' +
        'JOIN api_key ON api_key.token_key = rack.token LEFT JOIN account ON account.id = api_key.account_id',
    );
    const reader = new RowReader();
    const keys = reader.readEach(rows, readRackKey);
    const racks = yield* this.list();
    return {
      found: { version, racks, keys },
      errors: [...reader.errors, ...this.#unnamed, ...this.#damaged.values()],
    };
  }

  *images(uuids: readonly string[]): Steps<ReadonlyMap<string, readonly RackImage[]>> {
    const sql = 'SELECT rack_uuid, images FROM rack_images WHERE rack_uuid IN texts(?)';
    const { rows } = yield all(sql, JSON.stringify(uuids));
    return new Map(rows.map(readImages));
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
    const sql = 'UPDATE rack SET description = ?, revision = ? WHERE uuid = ?';
    if ((yield run(sql, description || null, newRevision(), uuid)).changes === 0) return false;
    yield drawRacksVersion();
    yield* this.#events.add(event, undefined);
    return true;
  }

  *homesOf(signs: readonly MachineSign[]): Steps<Readable<readonly FoundHome[]>> {
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
    const reader = new RowReader();
    const read = (row: StoredRow): FoundHome => reader.read(() => readHome(row)) ?? 'unreadable';
    const homesAtMac = new Map(byMac.map((row) => [readMac(row), read(row)]));
    const homesAt = new Map(byAddress.map((row) => [readSeenAt(row), read(row)]));
    const found = signs.map(({ mac, address }) =>
      mac !== undefined ? homesAtMac.get(mac) : address !== undefined ? homesAt.get(address) : undefined,
    );
    return { found, errors: reader.errors };
  }

  *change<R>(decide: (racks: readonly Rack[]) => RackChange<R>): Steps<R> {
    const before = yield* this.list();
    const { put, remove = [], events, result } = decide(before);
    for (const rack of put) {
      const damage = this.#damaged.get(rack.uuid);
      // A remote rack would lose the verdict and the networks in its row. This process's own rack has neither.
      if (damage !== undefined && !rack.isEmbedded) throw damage;
      yield* this.#put(rack);
      const was = before.find(({ uuid }) => uuid === rack.uuid)?.state;
      if (was === 'accepted' && rack.state !== 'accepted') yield forgetLeases(rack.uuid);
    }
    if (yield* this.#gainsWork(put, before)) yield* countVersion([]);
    for (const uuid of remove) {
      yield forgetLeases(uuid);
      yield run('DELETE FROM rack WHERE uuid = ?', uuid);
    }
    for (const event of events) yield* this.#events.add(event, undefined);
    if (put.length > 0 || remove.length > 0) yield drawRacksVersion();
    return result;
  }

  /** True if one of these racks gains a network that is the home of machines with a boot token. */
  *#gainsWork(racks: readonly Rack[], before: readonly Rack[]): Steps<boolean> {
    const gained = racks.flatMap((rack) => gainedNetworks(rack, before));
    if (gained.length === 0) return false;
    const ranges = gained.map((network) => [network.address, broadcastOf(network)]);
    const query =
      'SELECT 1 AS found FROM rows(?) AS one JOIN machine ON boot_token IS NOT NULL AND ' +
      'home BETWEEN CAST(one.value ->> 0 AS BIGINT) AND CAST(one.value ->> 1 AS BIGINT) LIMIT 1';
    return (yield one(query, JSON.stringify(ranges))).row !== undefined;
  }

  *#read(uuids: readonly string[]): Steps<ReadRacks> {
    const found = new Map<string, Rack>();
    const damaged = new Map<string, RackError>();
    if (uuids.length === 0) return { found, damaged };
    const { rows } = yield all('SELECT * FROM rack WHERE uuid IN texts(?)', JSON.stringify(uuids));
    for (const row of rows) {
      const reader = new RowReader();
      const { uuid } = readRevision(row);
      const rack = reader.read(() => readRack(row));
      const [damage] = reader.errors;
      if (rack !== undefined) found.set(uuid, rack);
      else if (damage !== undefined) damaged.set(uuid, damage);
    }
    return { found, damaged };
  }

  *#put(rack: Rack): Steps<void> {
    const updates = COLUMNS.slice(1).map((column) => `${column} = excluded.${column}`);
    yield run(
      `INSERT INTO rack (${COLUMNS.join(', ')}, revision) VALUES (${COLUMNS.map(() => '?').join(', ')}, ?) ` +
        `ON CONFLICT (uuid) DO UPDATE SET ${updates.join(', ')}, revision = excluded.revision`,
      rack.uuid,
      rack.name,
      rack.state,
      rack.isEmbedded ? 1 : 0,
      rack.token ?? null,
      rack.secretDigest ?? null,
      JSON.stringify(rack.interfaces),
      JSON.stringify(rack.agreed),
      JSON.stringify(rack.disputed),
      rack.version,
      rack.uplink,
      rack.address,
      rack.registeredMs,
      rack.stateSinceMs,
      rack.seenMs ?? null,
      rack.awayMs ?? null,
      rack.source ?? null,
      JSON.stringify(rack.refused),
      rack.pulse === undefined ? null : JSON.stringify(rack.pulse),
      newRevision(),
    );
  }
}

/** Forgets the leases of a rack that leaves the accepted ones. */
const forgetLeases = (uuid: string): Statement =>
  run('DELETE FROM host_lease WHERE rack IN (SELECT id FROM rack WHERE uuid = ?)', uuid);

/** The networks that an accepted rack did not have before. */
function gainedNetworks(rack: Rack, racks: readonly Rack[]): readonly Ipv4Network[] {
  if (rack.state !== 'accepted') return [];
  const known = racks.find(({ uuid, state }) => uuid === rack.uuid && state === 'accepted');
  const had = new Set((known === undefined ? [] : ownNetworks(known)).map(formatNetwork));
  return ownNetworks(rack).filter((network) => !had.has(formatNetwork(network)));
}

const readHome = readsRow('machine', (row): MachineHome => {
  const [home, seen] = [optionalNumber(row, 'home'), optionalNumber(row, 'address')];
  return {
    systemId: text(row, 'system_id'),
    hostname: text(row, 'hostname'),
    home: home === undefined ? undefined : converted('home', home, ipv4Of),
    seen: seen === undefined ? undefined : converted('address', seen, ipv4Of),
  };
});

const readRackKey = readsRow(
  'api_key',
  (row): RackKeyHolder => ({
    uuid: text(row, 'uuid'),
    secretDigest: text(row, 'secret_digest'),
    username: optionalText(row, 'username'),
    isAdmin: optionalNumber(row, 'is_admin') === 1,
  }),
  'token_key',
);

const readRevision = readsRow('rack', (row) => ({ uuid: text(row, 'uuid'), revision: text(row, 'revision') }));

const readImages = readsRow(
  'rack_images',
  (row): readonly [uuid: string, images: readonly RackImage[]] => {
    const parsed = parseJson(text(row, 'images'), HEARTBEAT_VALUES_MAX);
    return [text(row, 'rack_uuid'), parsed.kind === 'value' ? parseRackImages(parsed.value) : []];
  },
  'rack_uuid',
);

function stateOf(name: string): RackState {
  if (name !== 'pending' && name !== 'accepted' && name !== 'rejected') throw new Error('holds no state of a rack');
  return name;
}

/** Parses and checks a column. */
const readJson = <T>(row: Row, column: string, schema: z.ZodType<T>): T =>
  converted(column, text(row, column), (written) => {
    const parsed = parseJson(written, HEARTBEAT_VALUES_MAX);
    const checked = parsed.kind === 'value' ? schema.safeParse(parsed.value) : undefined;
    if (checked?.success !== true) throw new Error(parsed.kind === 'value' ? OTHER_FORM : NOT_JSON);
    return checked.data;
  });

const readRack = readsRow(
  'rack',
  (row): Rack => ({
    uuid: text(row, 'uuid'),
    name: text(row, 'name'),
    state: converted('state', text(row, 'state'), stateOf),
    isEmbedded: number(row, 'is_embedded') !== 0,
    token: optionalText(row, 'token'),
    secretDigest: optionalText(row, 'secret_digest'),
    interfaces: readJson(row, 'interfaces', interfaces),
    agreed: readJson(row, 'agreed', networks),
    disputed: readJson(row, 'disputed', networks),
    version: text(row, 'version'),
    uplink: number(row, 'uplink'),
    address: text(row, 'address'),
    registeredMs: number(row, 'registered_ms'),
    stateSinceMs: number(row, 'state_since_ms'),
    seenMs: optionalNumber(row, 'seen_ms'),
    awayMs: optionalNumber(row, 'away_ms'),
    source: optionalText(row, 'source'),
    refused: readJson(row, 'refused', refused),
    pulse: row.pulse === null ? undefined : readJson(row, 'pulse', pulse),
    zoneId: optionalNumber(row, 'zone_id'),
    description: optionalText(row, 'description'),
  }),
);

const readMac = readsRow('interface', ({ mac }) => mac);
const readSeenAt = readsRow('interface', ({ address }) => address);
