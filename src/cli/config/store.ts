// `rackboot config`: shows the configuration in force with the owner of each value, and changes the store.

import { isDeepStrictEqual } from 'node:util';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { findAbsentLoaders } from '../../config/absent-loaders.ts';
import { findKeyRule, isSecretKey } from '../../config/keys.ts';
import { findNearestKey } from '../../config/nearest-key.ts';
import { findOpenListeners } from '../../config/notes.ts';
import type { ValueOwner } from '../../config/ownership.ts';
import { selectRegionSettings } from '../../config/region-file.ts';
import { findValueOrDefault } from '../../config/settings-rules.ts';
import { askDaemon } from '../../control/ask-daemon.ts';
import { shellWord, withoutUsers } from '../../ground/clean-text.ts';
import { sleep } from '../../ground/clock.ts';
import { errorText, RackError } from '../../ground/errors.ts';
import { findNearestName } from '../../ground/nearest-name.ts';
import {
  findSetting,
  INTERFACES_KEY,
  isSettings,
  parseSettingValue,
  type Settings,
  type SettingValue,
} from '../../machines/settings.ts';
import { type EntriesEdit, parseListEntries } from '../../region/list-entries.ts';
import { noteText } from '../../region/reports/notes.ts';
import type { SettingEdit } from '../../region/settings.ts';
import { strandedBy } from '../leases/stranded.ts';
import { askRack } from '../region/racks.ts';
import { printAnswer } from '../terminal/asking.ts';
import { askConfig, type FoundConfig, findConfig } from '../terminal/config-in-force.ts';
import { print, printError, printTable } from '../terminal/output.ts';
import { withStoredSettings } from './settings-store.ts';
import { findShownConfig, type ShownConfig } from './shown-config.ts';

/** How long a command waits for the rack to apply a stored value. */
const APPLY_MS_MAX = 3000;
const POLL_MS = 50;
const SETTINGS_PATH = '/MAAS/api/2.0/settings/';

const changedShape = z.array(z.object({ key: z.string(), value: z.unknown() }));
const rowsShape = z.array(
  z.object({ key: z.string(), value: z.unknown(), rack: z.string().nullable(), rack_name: z.string().nullable() }),
);

/** `config show` and `config get` accept `--rack` only to say where the values of another rack are. */
function refuseRackOption(rack: string | undefined): void {
  if (rack === undefined) return;
  const text =
    `--rack: this command shows the values in force on this host: leave --rack out for these. ` +
    `For all of ${rack}, run \`rackboot config show\` on the host of ${rack}; for what the region's store has for ${rack}, ` +
    `\`rackboot config export --rack ${shellWord(rack)}\` on the host of the region`;
  throw new RackError('bad-argument', text);
}

interface ShowFlags {
  readonly config: string;
  readonly key?: string | undefined;
  readonly json: boolean;
  readonly rack?: string | undefined;
}

/** Lists every key with its value and owner; with `key`, only that key and those below it. */
export async function showConfig({ config, key: prefix, json, rack }: ShowFlags): Promise<number> {
  refuseRackOption(rack);
  const shownConfig = await findShownConfig(config);
  if (shownConfig.note !== undefined) printError(`rackboot: ${shownConfig.note}`);
  const rows = shownConfig.values.filter(
    ({ key }) => prefix === undefined || key === prefix || key.startsWith(`${prefix}.`),
  );
  if (rows.length === 0) throw unknownKey(prefix ?? '', shownConfig);
  const entries = rows.map(({ key, value, owner }) => ({ key, value, owner: ownerText(owner, shownConfig.path) }));
  return printAnswer({ json }, entries, () => {
    printTable(
      ['KEY', 'VALUE', 'OWNER'],
      entries.map(({ key, value, owner }) => [key, value, owner]),
      '',
    );
    if (shownConfig.refused !== undefined) printError(`rackboot: refused and not in force:\n${shownConfig.refused}`);
  });
}

/** Prints one value as YAML; a scalar without quotes. */
export async function getConfig({ config, key, json, rack }: ShowFlags & { readonly key: string }): Promise<number> {
  refuseRackOption(rack);
  const shownConfig = await findShownConfig(config);
  const value = shownConfig.find(key);
  if (value === undefined) throw unknownKey(key, shownConfig);
  const shownValue = isSecretKey(key) ? '(secret)' : value;
  return printAnswer(
    { json },
    shownValue,
    typeof shownValue === 'object' && shownValue !== null ? stringify(shownValue).trimEnd() : String(shownValue),
  );
}

interface SettingFlags {
  readonly config: string;
  /** Name or UUID of the rack whose cluster interface is changed; undefined: this rack. */
  readonly rack?: string | undefined;
}

/** Parses the words `KEY VALUE` and `KEY=VALUE` into pairs. */
export function parsePairs(words: readonly string[]): readonly (readonly [key: string, text: string])[] {
  const pairs: [string, string][] = [];
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] ?? '';
    const [, key, text] = /^([\w.-]+)=(.*)$/s.exec(word) ?? [];
    if (key !== undefined && text !== undefined) {
      pairs.push([key, text]);
      continue;
    }
    index += 1;
    const valueText = words[index];
    if (valueText === undefined)
      throw new RackError('bad-argument', `${word}: the value is missing: KEY VALUE, or KEY=VALUE`);
    pairs.push([word, valueText]);
  }
  return pairs;
}

/** Sets keys in the store, all or none. @param flags.pairs as for `parsePairs` */
export async function setConfig(
  flags: SettingFlags & { readonly pairs: readonly string[]; readonly replace: boolean },
): Promise<number> {
  const edits = parsePairs(flags.pairs).map(([key, text]) => ({ key, value: parseValue(key, text) }));
  const current = await findConfig(flags.config);
  refuseElsewhere(current, flags, 'set', edits);
  const stored = flags.rack === undefined ? current.stored : await fetchStored(current, flags.rack);
  if (!flags.replace) refuseLosses(edits, stored);
  await changeAndWait(current, flags, edits);
  for (const { key, value } of edits) {
    const losses = formatLosses(key, findSetting(stored, key), value);
    if (losses.length > 0) print([`${key}: dropped:`, ...losses].join('\n'));
  }
  return 0;
}

/** Removes keys from the store, all or none. */
export async function unsetConfig(flags: SettingFlags & { readonly keys: readonly string[] }): Promise<number> {
  const edits = flags.keys.map((key) => ({ key, value: undefined }));
  const current = await findConfig(flags.config);
  refuseElsewhere(current, flags, 'unset', edits);
  await changeAndWait(current, flags, edits);
  return 0;
}

/** Parses entries, each of which is YAML. A list stands for its entries. */
export const parseEntries = (key: string, texts: readonly string[]): readonly SettingValue[] =>
  texts.flatMap((text) => parseYaml(key, text));

/**
 * Adds entries to a list of the store, or removes some. @param effect the sentence to print;
 * undefined for one that says that the key is in force
 */
export async function editConfig(
  flags: SettingFlags,
  kind: EntriesEdit['kind'],
  key: string,
  entries: readonly SettingValue[],
  effect?: string,
): Promise<number> {
  if (key === 'hosts')
    throw new RackError('bad-argument', `${key}: reservations have a command: rackboot hosts ${kind}`);
  const edits = [{ key, value: undefined, entries: { kind, entries } }];
  const current = await findConfig(flags.config);
  refuseElsewhere(current, flags, kind, edits);
  await changeAndWait(current, flags, edits, effect);
  return 0;
}

const LOSSES_SHOWN_MAX = 20;

/** The losses of one change, as lines below its key. */
function formatLosses(...[key, before, after]: Parameters<typeof listLosses>): readonly string[] {
  const losses = listLosses(key, before, after);
  const more = losses.length > LOSSES_SHOWN_MAX ? [`and ${losses.length - LOSSES_SHOWN_MAX} more`] : [];
  return [...losses.slice(0, LOSSES_SHOWN_MAX), ...more].map((line) => `  ${line}`);
}

/** Refuses a new value that lacks list entries or mapping keys of the stored value. */
function refuseLosses(edits: readonly SettingEdit[], stored: Settings): void {
  for (const { key, value } of edits) {
    const lines = formatLosses(key, findSetting(stored, key), value);
    if (lines.length === 0) continue;
    const isList = Array.isArray(value) || parseListEntries(findSetting(stored, key)) !== undefined;
    const alternative = isList
      ? `To change single entries: rackboot config add ${key} ENTRY, or remove`
      : `To change one key: rackboot config set ${key}.KEY VALUE`;
    throw new RackError(
      'bad-argument',
      [
        `${key}: the new value would drop:`,
        ...lines,
        `${alternative}. To drop them: add --replace. Nothing was changed.`,
      ].join('\n'),
    );
  }
}

/** The entries and keys of a stored value that a new one lacks. A changed single value is no loss. */
export function listLosses(
  key: string,
  before: SettingValue | undefined,
  after: SettingValue | undefined,
): readonly string[] {
  if (isSettings(before)) {
    const afterFields = isSettings(after) ? after : {};
    return Object.entries(before).flatMap(([name, value]) =>
      Object.hasOwn(afterFields, name)
        ? listLosses(`${key}.${name}`, value, afterFields[name])
        : [`${key}.${name}: ${withoutUsers(JSON.stringify(value))}`],
    );
  }
  const isList = Array.isArray(before) || Array.isArray(after) || Array.isArray(findValueOrDefault(key, {}));
  if (!isList) return [];
  const remaining = parseListEntries(after) ?? [];
  const lostEntries = (parseListEntries(before) ?? []).filter(
    (entry) => !remaining.some((other) => isDeepStrictEqual(other, entry)),
  );
  return lostEntries.map((entry) => `${key}: ${withoutUsers(JSON.stringify(entry))}`);
}

/** Prints the stored part of one rack's configuration as YAML, fit for the configuration file. */
export async function exportConfig(flags: SettingFlags): Promise<number> {
  const current = await findConfig(flags.config);
  // A region's file cannot contain settings that only racks use.
  const ownSettings = current.uuid === '' ? selectRegionSettings(current.stored) : current.stored;
  const stored = flags.rack === undefined ? ownSettings : await fetchStored(current, flags.rack);
  if (Object.keys(stored).length === 0) print('# The store owns nothing of this configuration.');
  else print(stringify(stored).trimEnd());
  return 0;
}

/** The store's values for the changed keys; `null` for a key without a value. */
type StoredValues = z.output<typeof changedShape>;

/**
 * Makes the changes, all or none. @param isDryRun true to judge them only
 * @returns the stored values, as a running region answers them; undefined if no daemon runs here
 */
export async function submitEdits(
  current: FoundConfig,
  flags: SettingFlags,
  edits: readonly SettingEdit[],
  isDryRun = false,
): Promise<StoredValues | undefined> {
  if (current.uuid === undefined) {
    await changeOffline(current, flags, edits, isDryRun);
    return undefined;
  }
  const changes = edits.map(({ key, value, entries }) =>
    entries === undefined ? { key, value } : { key, [entries.kind]: entries.entries },
  );
  const form = new URLSearchParams({ changes: JSON.stringify(changes), ...(isDryRun ? { dry_run: 'true' } : {}) });
  if (flags.rack !== undefined) form.set('rack', flags.rack);
  const path = `${SETTINGS_PATH}?op=change`;
  return changedShape.parse(await askDaemon(current.config.stateDir, path, 'POST', form.toString()));
}

async function changeAndWait(
  current: FoundConfig,
  flags: SettingFlags,
  edits: readonly SettingEdit[],
  effect?: string,
): Promise<void> {
  const names = edits.map(({ key }) => key);
  const answer = await submitEdits(current, flags, edits);
  if (answer === undefined) {
    for (const key of names) print(`${effect ?? `${key}: stored.`} No daemon runs here; the next one applies it.`);
    printWarnings(await findConfig(flags.config), edits);
    return;
  }
  if (flags.rack !== undefined && flags.rack !== current.uuid) {
    for (const key of names) print(`${key}: stored. The rack ${flags.rack} applies it as soon as it receives it.`);
    return;
  }
  const appliedConfig = await awaitApplied(flags.config, current, answer);
  for (const { key, value, entries } of edits) {
    const isRemoval = value === undefined && entries === undefined;
    const effectText = isRemoval ? 'no longer in the store: the file or the default is in force' : 'in force';
    print(appliedConfig === undefined ? notApplied(key) : (effect ?? `${key}: ${effectText}.`));
  }
  if (appliedConfig === undefined) return;
  printWarnings(appliedConfig, edits);
  for (const line of await strandedBy(current.config, appliedConfig.config)) print(line);
}

function printWarnings({ config }: FoundConfig, edits: readonly SettingEdit[]): void {
  for (const line of [...findOpenListeners(config).map(noteText), ...findAbsentLoaders(config.boot)])
    if (edits.some(({ key }) => line.startsWith(`${key} `))) print(`Beware  ${line}`);
}

const notApplied = (key: string): string =>
  `${key}: stored, but the rack has not applied it within ${APPLY_MS_MAX / 1000} s: rackboot config show says why.`;

/**
 * Waits until the rack applies stored values. In `changed`, `null` means that the key is no longer
 * stored. @returns undefined if it took too long
 * @throws RackError `config-invalid` if the rack refuses the value
 */
export async function awaitApplied(
  file: string,
  previous: FoundConfig,
  changed: StoredValues,
): Promise<FoundConfig | undefined> {
  for (let waitedMs = 0; waitedMs < APPLY_MS_MAX; waitedMs += POLL_MS) {
    const now = await askConfig(file);
    if (now.refused !== undefined && now.refused !== previous.refused) {
      throw new RackError(
        'config-invalid',
        `${changed.map(({ key }) => key).join(', ')}: stored, but the rack refuses it:\n${now.refused}`,
      );
    }
    if (changed.every(({ key, value }) => isDeepStrictEqual(findSetting(now.stored, key) ?? null, value))) return now;
    await sleep(POLL_MS);
  }
  return undefined;
}

/**
 * Refuses the change on a rack whose region is on another host. The error names the command to run
 * there.
 */
export function refuseElsewhere(
  found: FoundConfig,
  flags: SettingFlags,
  verb: 'set' | 'unset' | 'add' | 'remove',
  edits: readonly SettingEdit[],
): void {
  const { name, uplink } = found.config;
  if (uplink.mode !== 'remote') return;
  const changesInterfaces = edits.some(({ key }) => key.split('.')[0] === INTERFACES_KEY);
  const rackFlag = changesInterfaces ? ` --rack ${shellWord(flags.rack ?? name)}` : '';
  const quoteValue = (value: SettingValue): string =>
    shellWord(withoutUsers(typeof value === 'object' ? JSON.stringify(value) : String(value)));
  const words = edits.flatMap(({ key, value, entries }) => [
    shellWord(key),
    ...(value === undefined ? (entries?.entries ?? []) : [value]).map(quoteValue),
  ]);
  const command = `\`rackboot config ${verb} ${words.join(' ')}${rackFlag}\` on the host of the region`;
  const fileHint = verb === 'set' || verb === 'add' ? `; or write the key into ${found.path}` : '';
  const where = `the region at ${uplink.urls.join(', ')} holds the store`;
  const verbText = verb === 'unset' ? 'remove' : verb;
  const keys = edits.map(({ key }) => key).join(', ');
  throw new RackError('bad-argument', `${keys}: ${where}: ${verbText} it there: ${command}${fileHint}`);
}

async function changeOffline(
  found: FoundConfig,
  flags: SettingFlags,
  edits: readonly SettingEdit[],
  isDryRun: boolean,
): Promise<void> {
  const { stateDir, name } = found.config;
  await withStoredSettings(
    { stateDir, name, file: found.path, values: found.file.values },
    async (settings, username) => {
      const refusal = await settings.change(flags.rack ?? '', edits, username, isDryRun);
      if (refusal !== undefined) throw new RackError('bad-argument', refusal.text);
    },
  );
}

async function fetchStored({ config }: FoundConfig, rack: string): Promise<Settings> {
  const { uuid } = await askRack(config.stateDir, rack);
  const rows = rowsShape.parse(await askDaemon(config.stateDir, SETTINGS_PATH));
  const interfaces: SettingValue[] = [];
  for (const { key, value, rack: owner } of rows) {
    const fields = parseSettingValue(value);
    if (owner !== uuid || fields === undefined || typeof fields !== 'object') continue;
    interfaces.push({ name: key.slice(INTERFACES_KEY.length + 1), ...Object(fields) });
  }
  return interfaces.length === 0 ? {} : { [INTERFACES_KEY]: interfaces };
}

/** A key whose default is a string takes the text unchanged; any other parses it as YAML. */
const parseValue = (key: string, text: string): SettingValue =>
  typeof findValueOrDefault(key, {}) === 'string' ? text : parseYaml(key, text);

function parseYaml(key: string, text: string): SettingValue {
  try {
    const value = parseSettingValue(parse(text));
    if (value !== undefined) return value;
  } catch (error) {
    throw new RackError('bad-argument', `${key}: the value is not YAML: ${errorText(error)}`, { cause: error });
  }
  throw new RackError('bad-argument', `${key}: the value is larger than a configuration may hold`);
}

function ownerText(owner: ValueOwner, file: string): string {
  return owner.kind === 'file' ? `${file}${owner.line === undefined ? '' : `:${owner.line}`}` : owner.kind;
}

function unknownKey(key: string, found: ShownConfig): RackError {
  const nearest = findNearestKey(key) ?? findNearestName(key, networkKeys(found));
  const isKey = findKeyRule(key) !== undefined && findNearestKey(key) === undefined;
  if (nearest === key || (isKey && !key.startsWith(`${INTERFACES_KEY}.`)))
    return new RackError(
      'bad-argument',
      `${key}: it is not set, and has no fixed default; rackboot config show lists all`,
    );
  const what = nearest === undefined ? 'there is no such key, or it has no value' : 'there is no such key';
  const hint = nearest === undefined ? '' : `did you mean ${nearest}? `;
  return new RackError('bad-argument', `${key}: ${what}; ${hint}rackboot config show lists all`);
}

const networkKeys = ({ values }: ShownConfig): readonly string[] =>
  values.flatMap(({ key }) => {
    const [section, name] = key.split('.');
    return section === INTERFACES_KEY && name !== undefined ? [key, `${section}.${name}`] : [];
  });
