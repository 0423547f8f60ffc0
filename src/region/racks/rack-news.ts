// Validates a remote rack's messages: its name, networks, heartbeats and events.
//
// 1. Every text, list and number has a bound; a network wider than NETWORK_PREFIX_MIN is refused.
// 2. An invalid entry of a batch is refused alone; the others are accepted.
// 3. Texts for people are cleaned here, before they are stored, because a rack is another host.

import { z } from 'zod';
import { cleanText } from '../../clean-text.ts';
import { parseIpv4, parseMac, parseNetwork } from '../../net/address.ts';
import { isEventLevel } from '../records/machine-event.ts';
import { PINNED_MAX, RACK_INTERFACES_MAX, type RackImage } from '../records/rack.ts';
import {
  HOST_ADDRESSES_MAX,
  NETWORK_PREFIX_MIN,
  RESERVATIONS_REPORTED_MAX,
  SETTINGS_REFUSED_LENGTH_MAX,
} from '../records/rack-description.ts';
import { FINDING_LENGTH_MAX, FINDINGS_MAX, LISTENERS_MAX, THREADS_MAX } from '../records/rack-measures.ts';
import { RACK_ANSWERS_MAX, SERVERS_NAMED_MAX, TASK_OUTCOMES } from '../records/rack-request.ts';
import { partRefusal, type RefusalWord } from '../records/refusal.ts';
import { reportedEvent } from '../reports/reported.ts';
import { parseRackImages } from './rack-images.ts';

export const ENTRIES_MAX = 1024;
/** Values in a batch's JSON. An entry has about twenty, and never more than fifty. */
export const BATCH_VALUES_MAX = 32_768;
/** Values in the JSON of a heartbeat, or of the interfaces in a registration: as many as fit into a heartbeat's bytes. */
export const HEARTBEAT_VALUES_MAX = 131_072;
const COUNT_MAX = Number.MAX_SAFE_INTEGER;
/** The last moment that a date can name, wall time in milliseconds. */
const MOMENT_MAX = 8.64e15;
const COPIES_MAX = 16;

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

const shownText = (charactersMax: number) =>
  z
    .string()
    .max(charactersMax)
    .transform((text) => cleanText(text, charactersMax));

export const rackUuid = z.string().regex(UUID, 'is not a UUID in lower case');
export const rackName = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'give lower-case letters, digits and hyphens, at most 63');
export const rackVersion = z.string().regex(/^[\w.+-]{1,64}$/, 'is not a version');

const RACK_ADDRESS = 'is not an IPv4 address';

const address = z
  .string()
  .refine((text) => text === '' || parseIpv4(text) !== undefined, RACK_ADDRESS)
  .default('');
const network = z.string().refine((text) => {
  const parsed = parseNetwork(text);
  return parsed !== undefined && parsed.prefix >= NETWORK_PREFIX_MIN;
}, `is not a network such as 10.20.0.0/24, with a prefix of at least ${NETWORK_PREFIX_MIN}`);

/** The name of a network interface of a host; empty: none. */
const hostInterface = z
  .string()
  .regex(/^[^\s/]{0,15}$/, 'is not the name of an interface')
  .transform((text) => cleanText(text));

const hostAddress = z.string().refine((text) => {
  const [address = '', prefix = ''] = text.split('/');
  return parseIpv4(address) !== undefined && /^\d{1,2}$/.test(prefix) && Number(prefix) <= 32;
}, RACK_ADDRESS);

const hardwareAddress = z.string().refine((text) => parseMac(text) !== undefined, 'is not a MAC address');

export const rackInterfaces = z
  .array(
    z.object({
      name: z.string().regex(/^[\w:.-]{1,64}$/, 'is not a name'),
      interface: hostInterface.default(''),
      ip: address,
      network,
      management: z.literal([0, 1, 2]),
      mode: z.literal('proxy').optional(),
      ip_range_low: address,
      ip_range_high: address,
      static_ip_range_low: address,
      static_ip_range_high: address,
      router_ip: address,
      shared: z.string().max(64).optional(),
      foreign_dhcp_ip: z.ipv4().optional(),
      reservations: z
        .array(
          z.object({
            mac: hardwareAddress,
            ip: address,
            hostname: z.string().min(1).max(63).toLowerCase().optional(),
          }),
        )
        .max(RESERVATIONS_REPORTED_MAX)
        .optional(),
    }),
  )
  .max(RACK_INTERFACES_MAX);

const count = z.number().int().min(0).max(COUNT_MAX);
const moment = z.number().int().min(0).max(MOMENT_MAX);

const listeners = z.array(shownText(80)).max(LISTENERS_MAX);

const hostState = z.object({
  atMs: moment,
  memoryBytes: count,
  disk: z.object({ freeBytes: count, totalBytes: count }).optional(),
  findings: z
    .array(
      z.object({
        check: shownText(100),
        text: shownText(FINDING_LENGTH_MAX),
        isNote: z.boolean(),
        fix: shownText(FINDING_LENGTH_MAX).optional(),
      }),
    )
    .max(FINDINGS_MAX),
  running: z
    .object({
      threads: z.array(z.object({ name: shownText(40), busy: z.number().min(0).max(1) })).max(THREADS_MAX),
      delayMs: count,
    })
    .optional(),
});

const measures = z.object({
  host: hostState.optional(),
  startedMs: moment,
  counts: z.object({ leases: count, tftpBytes: count, httpBytes: count, dnsQueries: count }),
  taken: count,
  usable: count,
  listening: z.object({ dhcp: listeners, tftp: listeners, http: listeners, dns: listeners }),
});

export const heartbeat = z.object({
  version: rackVersion,
  uplink: z.number().int().min(0).max(65_535),
  life: z
    .string()
    .min(1)
    .max(64)
    .transform((text) => cleanText(text)),
  applied: count,
  waiting: count,
  dropped: count,
  deadLetters: count,
  pinned: z.array(shownText(200)).max(PINNED_MAX),
  interfaces: rackInterfaces,
  /** Absent from racks that do not report them. */
  addresses: z
    .array(
      z.object({
        interface: hostInterface,
        address: hostAddress,
        mac: hardwareAddress.optional(),
        isOutward: z.boolean().optional(),
        router: z.ipv4().optional(),
      }),
    )
    .max(HOST_ADDRESSES_MAX)
    .optional(),
  startedAt: moment,
  /** Absent from racks that do not measure. */
  measures: measures.optional(),
  settingsRefused: shownText(SETTINGS_REFUSED_LENGTH_MAX).optional(),
  /** Absent if the images have not changed since the last report, or the rack has no image store. */
  images: z
    .array(z.unknown())
    .transform((list): readonly RackImage[] => parseRackImages(list))
    .optional(),
  /** Copies of the region's images that have advanced since the last report. */
  copies: z
    .array(z.object({ file: shownText(1024), bytes: count, total: count.optional(), error: shownText(1024) }))
    .max(COPIES_MAX)
    .optional(),
  /** Absent if the region has asked for nothing. */
  answers: z
    .array(
      z.object({
        id: shownText(64),
        outcome: z.enum(TASK_OUTCOMES),
        servers: z.array(z.ipv4()).max(SERVERS_NAMED_MAX).optional(),
      }),
    )
    .max(RACK_ANSWERS_MAX)
    .optional(),
});

const report = z.object({
  kind: z
    .string()
    .min(1)
    .max(64)
    .transform((text) => cleanText(text)),
  at: count,
  mac: z.string().max(17).optional(),
  address: z.string().max(15).optional(),
  text: shownText(4096),
  /** Not validated here: `reportedEvent` checks whether they fit the kind. Absent if the sentence says everything. */
  params: z.record(z.string(), z.unknown()).optional(),
  level: z.string().refine(isEventLevel, 'is not a level').optional(),
});

const withParams = ({ params, ...rest }: z.output<typeof report>) => ({
  ...rest,
  params: params === undefined ? undefined : reportedEvent(rest.kind, params, undefined)?.params,
});

const post = z.object({
  at: count,
  peer: z.string().max(64),
  contentType: z.string().max(256),
  path: z.string().max(2048),
  body: z.base64(),
  token: z.string().max(64).optional(),
  bootMac: z.string().max(17).optional(),
});

const entry = z.discriminatedUnion('kind', [
  z.object({ sequence: count, kind: z.literal('report'), report: report.transform(withParams) }),
  z.object({ sequence: count, kind: z.literal('post'), post }),
]);

const batch = z.object({
  source: z.string().max(128),
  missed: count,
  entries: z.array(z.looseObject({ sequence: count })).max(ENTRIES_MAX),
});

type RawEntry = z.output<typeof batch>['entries'][number];

type LinkEntry =
  | z.output<typeof entry>
  | { readonly kind: 'fault'; readonly sequence: number; readonly reason: string };

export type KeptPost = z.output<typeof post>;

export interface LinkBatch {
  readonly source: string;
  /** Events lost since the previous batch: at the bound of the rack's outbox, or before they reached the outbox. */
  readonly missed: number;
  /** In the order of their sequences; `readEntry` parses each in its turn. */
  readonly entries: readonly RawEntry[];
}

type Checked<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: RefusalWord };

export function check<T>(schema: z.ZodType<T>, value: unknown): Checked<T> {
  const checked = schema.safeParse(value);
  if (checked.success) return { ok: true, value: checked.data };
  const [issue] = checked.error.issues;
  if (issue === undefined) throw new Error('a schema refuses a value without a reason');
  return { ok: false, problem: partRefusal('invalid-parameters', issue.path.map(String).join('.'), issue.message) };
}

/** Parses a batch of the rack `uuid`; its entries are validated later. */
export function parseBatch(uuid: string, value: unknown): Checked<LinkBatch> {
  const outer = check(batch, value);
  if (!outer.ok) return outer;
  const { source, entries } = outer.value;
  if (!source.startsWith(`${uuid}/`))
    return { ok: false, problem: partRefusal('invalid-parameters', 'source', `must begin with ${uuid}/`) };
  let last = -1;
  for (const { sequence } of entries) {
    if (sequence <= last)
      return {
        ok: false,
        problem: partRefusal('invalid-parameters', 'entries', `${sequence} follows ${last}: sequences must increase`),
      };
    last = sequence;
  }
  return outer;
}

export function readEntry(raw: RawEntry): LinkEntry {
  const one = check(entry, raw);
  return one.ok ? one.value : { kind: 'fault', sequence: raw.sequence, reason: one.problem.text };
}
