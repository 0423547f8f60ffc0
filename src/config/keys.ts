// The rule of each configuration key: its possible owners, and whether a change applies while the
// daemon runs.
//
// 1. The keys are those of the schema. Every key that is not in FILE_KEYS may be in the store:
//    people change it in daily work.
// 2. Keys that decide where this process is found (paths, sockets, names) belong to the file: a
//    change in the store must never make a rack unreachable.

import { listKeysAt } from './sibling-keys.ts';
import { writtenConfigSchema } from './written.ts';

interface KeyRule {
  /** Only the rack's file, or either the file or the region's store. */
  readonly owner: 'file' | 'either';
  /** Why a change waits for the next start; `undefined` if it applies on reload. */
  readonly restart?: string | undefined;
}

/** The keys of the file, and why a change waits for the next start; `undefined` if it applies on reload. */
const FILE_KEYS: ReadonlyMap<string, string | undefined> = new Map([
  ['state_dir', 'the lock, the databases and the control socket are in it'],
  ['region.mode', 'it decides which thread serves the region'],
  ['region.url', 'events that wait for one region must not go to another'],
  ['region.api_key_file', 'the region knows the rack by this key'],
  ['region.ca_file', 'connections to the region are verified with it'],
  ...[
    'name',
    'dhcp.server_port',
    'dhcp.client_port',
    'dhcp.proxy_port',
    'dns.listen',
    'dns.listen_port',
    'tftp.listen',
    'tftp.listen_port',
    'boot.tree',
    'boot.http.listen',
    'boot.http.tls.listen',
    'boot.http.tls.cert',
    'boot.http.tls.key',
    'preseeds.directory',
    'region.listen',
    'region.tls.listen',
    'region.tls.cert',
    'region.tls.key',
    'region.proxies',
    'metrics.listen',
    'log.file',
    'log.format',
  ].map((key) => [key, undefined] as const),
]);

/**
 * Every key and section of the file, except those inside lists and mappings with names of the
 * operator's choice.
 */
export const KEYS: readonly string[] = listKeysBelow('');

function listKeysBelow(section: string): readonly string[] {
  const path = section === '' ? [] : section.split('.');
  return listKeysAt(writtenConfigSchema, path).flatMap((name) => {
    const key = section === '' ? name : `${section}.${name}`;
    return [key, ...listKeysBelow(key)];
  });
}

/** The rules by key that holds a value. */
const KEY_RULES: ReadonlyMap<string, KeyRule> = new Map(
  KEYS.filter((key) => !hasRuleBelow(key)).map((key): [string, KeyRule] => [
    key,
    FILE_KEYS.has(key) ? { owner: 'file', restart: FILE_KEYS.get(key) } : { owner: 'either' },
  ]),
);

/** The rule of a key: its own, or that of the nearest key above it; `undefined` if the key is unknown. */
export function findKeyRule(key: string): KeyRule | undefined {
  for (let end = key.length; end > 0; end = key.lastIndexOf('.', end - 1)) {
    const rule = KEY_RULES.get(key.slice(0, end));
    if (rule !== undefined) return rule;
  }
  return undefined;
}

/** True if a key of the schema is below this one. */
export function hasRuleBelow(key: string): boolean {
  return KEYS.some((candidate) => candidate.startsWith(`${key}.`));
}

/** True if every key below this one belongs to the file. */
export function isSectionOfFile(key: string): boolean {
  const rulesBelow = KEYS.flatMap((candidate) =>
    candidate.startsWith(`${key}.`) ? (KEY_RULES.get(candidate) ?? []) : [],
  );
  return rulesBelow.length > 0 && rulesBelow.every(({ owner }) => owner === 'file');
}

/** The keys that the store may own, including `cluster_interfaces`. */
export const STORE_KEYS: readonly string[] = [...KEY_RULES]
  .filter(([, { owner }]) => owner === 'either')
  .map(([key]) => key);

/** The keys whose change waits for the next start. */
export const RESTART_KEYS: readonly string[] = [...KEY_RULES]
  .filter(([, { restart }]) => restart !== undefined)
  .map(([key]) => key);

/** Fields that no log, difference or listing shows, wherever they stand. */
const SECRET_FIELD = /(^|\.)(secret|password|token|api_key)$/;

export const isSecretKey = (key: string): boolean => SECRET_FIELD.test(key);
