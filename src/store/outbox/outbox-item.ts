// One entry of the outbox as text in its database. An unknown form is refused as a whole.

import { RackError } from '../../errors.ts';
import { type Fields, isFields, parseJson } from '../../fields.ts';
import { EVENT_LEVELS, isEventLevel } from '../../region/records/machine-event.ts';
import type { RackFields } from '../../region/reports/fields.ts';
import type { OutboxItem, OutboxReport, QueuedPost } from '../../uplink/outbox-store.ts';

/** The weights of entries: the lightest are dropped first. */
export const WEIGHT_NOTICE = 0;
export const WEIGHT_WARNING = 1;
export const WEIGHT_POST = 2;

/** An item as it is stored. */
export interface PackedItem {
  readonly weight: number;
  /** The kind of event, or `post`. */
  readonly kind: string;
  readonly bytes: number;
  readonly item: string;
}

/** @param weight overrides the item's own weight */
export function packOutboxItem(item: OutboxItem, weight = weightOf(item)): PackedItem {
  const text = JSON.stringify(item);
  const kind = item.kind === 'post' ? 'post' : item.report.kind;
  return { weight, kind, bytes: Buffer.byteLength(text), item: text };
}

function weightOf(item: OutboxItem): number {
  if (item.kind === 'post') return WEIGHT_POST;
  const level = item.report.level ?? 'info';
  return EVENT_LEVELS[level] >= EVENT_LEVELS.warning ? WEIGHT_WARNING : WEIGHT_NOTICE;
}

/** @throws RackError `store-broken` */
export function unpackOutboxItem(text: string): OutboxItem {
  const value = parseJson(text);
  const item = isFields(value) ? readItem(value) : undefined;
  if (item !== undefined) return item;
  throw new RackError(
    'store-broken',
    'outbox.db holds an unknown entry: move the file away to start with an empty one; the entries waiting in it are lost',
  );
}

function readItem(fields: Fields): OutboxItem | undefined {
  if (fields.kind === 'report' && isFields(fields.report)) {
    const report = readReport(fields.report);
    return report && { kind: 'report', report };
  }
  if (fields.kind === 'post' && isFields(fields.post)) {
    const post = readPost(fields.post);
    return post && { kind: 'post', post };
  }
  return undefined;
}

function readReport({ kind, at, text, mac, address, level, params }: Fields): OutboxReport | undefined {
  if (typeof kind !== 'string' || typeof at !== 'number' || typeof text !== 'string') return undefined;
  return {
    kind,
    at,
    text,
    ...(typeof mac === 'string' ? { mac } : {}),
    ...(typeof address === 'string' ? { address } : {}),
    ...(isEventLevel(level) ? { level } : {}),
    ...(isFields(params) ? { params: readParams(params) } : {}),
  };
}

/** The parameters of an event of any version: the region says which it knows. */
function readParams(params: Fields): RackFields {
  const kept: Record<string, string | number | boolean> = {};
  for (const [name, value] of Object.entries(params)) {
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') kept[name] = value;
  }
  return kept;
}

function readPost({ at, peer, contentType, path, body, token, bootMac }: Fields): QueuedPost | undefined {
  if (typeof at !== 'number' || typeof peer !== 'string' || typeof contentType !== 'string') return undefined;
  if (typeof path !== 'string' || typeof body !== 'string') return undefined;
  return {
    at,
    peer,
    contentType,
    path,
    body,
    ...(typeof token === 'string' ? { token } : {}),
    ...(typeof bootMac === 'string' ? { bootMac } : {}),
  };
}
