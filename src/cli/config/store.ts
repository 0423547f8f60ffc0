// `rackboot config`: shows the configuration in force with the owner of each value, and changes the store.

import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { shellWord, withoutUsers } from '../../clean-text.ts';
import { sleep } from '../../clock.ts';
import { absentLoaders } from '../../config/absent-loaders.ts';
import { findKeyRule, isSecretKey } from '../../config/keys.ts';
import { nearestKey } from '../../config/nearest-key.ts';
import { wideDoors } from '../../config/notes.ts';
import type { ValueOwner } from '../../config/ownership.ts';
import { storedForRegion } from '../../config/region-file.ts';
import { valueOrDefault } from '../../config/settings-rules.ts';
import { askDaemon } from '../../control/ask-daemon.ts';
import { errorText, RackError } from '../../errors.ts';
import {
  findSetting,
  INTERFACES_KEY,
  parseSettingValue,
  type Settings,
  type SettingValue,
} from '../../machines/settings.ts';
import { nearestName } from '../../nearest-name.ts';
import { noteText } from '../../region/words/rack-reasons.ts';
import { sentenceOf } from '../../region/words/refusal.ts';
import { strandedBy } from '../leases/stranded.ts';
import { askRack } from '../region/racks.ts';
import { askConfig, type FoundConfig, findConfig } from '../terminal/config-in-force.ts';
import { print, printError, printJson, printTable } from '../terminal/output.ts';
import { proxyCommand } from './proxy-command.ts';
import { withStoredSettings } from './settings-store.ts';
import { findShownConfig, type ShownConfig } from './shown-config.ts';

/** How long a command waits for the rack to apply a stored value. */
const APPLY_MS_MAX = 3000;
const POLL_MS = 50;
const SETTINGS_PATH = '/MAAS/api/2.0/settings/';

const rowsShape = z.array(
  z.object({ key: z.string(), value: z.unknown(), rack: z.string().nullable(), rack_name: z.string().nullable() }),
);

/**
 * `config show` and `config get` accept `--rack` only to say where the values of another rack are.
 * @throws RackError `bad-argument` if it is given
 */
export function refuseRack(rack: string | undefined): void {
  if (rack === undefined) return;
  const text =
    `--rack: this command shows the values in force on this host: leave --rack out for these. ` +
    `For all of ${rack}, run \`rackboot config show\` on the host of ${rack}; for what the region's store has for ${rack}, ` +
    `\`rackboot config export --rack ${shellWord(rack)}\` on the host of the region`;
  throw new RackError('bad-argument', text);
}

/** Lists every key with its value and owner; with `prefix`, only that key and those below it. @returns 0 */
export async function showConfig(file: string, prefix: string | undefined, json: boolean): Promise<number> {
  const found = await findShownConfig(file);
  if (found.note !== undefined) printError(`rackboot: ${found.note}`);
  const rows = found.values.filter(({ key }) => prefix === undefined || key === prefix || key.startsWith(`${prefix}.`));
  if (rows.length === 0) throw unknownKey(prefix ?? '', found);
  if (json) {
    printJson(rows.map(({ key, value, owner }) => ({ key, value, owner: ownerText(owner, found.path) })));
    return 0;
  }
  printTable(
    ['KEY', 'VALUE', 'OWNER'],
    rows.map(({ key, value, owner }) => [key, value, ownerText(owner, found.path)]),
    '',
  );
  if (found.refused !== undefined) printError(`rackboot: refused and not in force:\n${found.refused}`);
  return 0;
}

/** Prints one value as YAML; a scalar without quotes. @returns 0 */
export async function getConfig(file: string, key: string, json: boolean): Promise<number> {
  const found = await findShownConfig(file);
  const value = found.find(key);
  if (value === undefined) throw unknownKey(key, found);
  const shown = isSecretKey(key) ? '(secret)' : value;
  if (json) printJson(shown);
  else print(typeof shown === 'object' && shown !== null ? stringify(shown).trimEnd() : String(shown));
  return 0;
}

interface SettingFlags {
  readonly config: string;
  /** Name or UUID of the rack whose cluster interface is changed; undefined: this rack. */
  readonly rack?: string | undefined;
}

/** Sets a key in the store. @returns 0 */
export async function setConfig(flags: SettingFlags, key: string, text: string): Promise<number> {
  const value = parseValue(key, text);
  try {
    await change(flags, key, value);
  } catch (error) {
    if (!(error instanceof RackError) || flags.rack !== undefined) throw error;
    const command = proxyCommand(key, value, error.message, (await findConfig(flags.config)).stored);
    throw command === undefined ? error : new RackError(error.code, `${error.message}\n${command}`, { cause: error });
  }
  return 0;
}

/** Removes a key from the store. @returns 0 */
export async function unsetConfig(flags: SettingFlags, key: string): Promise<number> {
  await change(flags, key, undefined);
  return 0;
}

/** Prints the stored part of one rack's configuration as YAML, fit for the configuration file. @returns 0 */
export async function exportConfig(flags: SettingFlags): Promise<number> {
  const found = await findConfig(flags.config);
  // A region's file cannot contain settings that only racks use.
  const own = found.uuid === '' ? storedForRegion(found.stored) : found.stored;
  const stored = flags.rack === undefined ? own : await storedOf(found, flags.rack);
  if (Object.keys(stored).length === 0) print('# The store owns nothing of this configuration.');
  else print(stringify(stored).trimEnd());
  return 0;
}

async function change(flags: SettingFlags, key: string, value: SettingValue | undefined): Promise<void> {
  const before = await findConfig(flags.config);
  refuseElsewhere(before, flags, key, value);
  if (before.uuid === undefined) {
    await changeOffline(before, flags, key, value);
    print(`${key}: stored. No daemon runs here; the next one applies it.`);
    if (value !== undefined) printWarnings(await findConfig(flags.config), key);
    return;
  }
  const form = new URLSearchParams({ key });
  if (value !== undefined) form.set('value', JSON.stringify(value));
  if (flags.rack !== undefined) form.set('rack', flags.rack);
  const path = `${SETTINGS_PATH}?op=${value === undefined ? 'unset' : 'set'}`;
  await askDaemon(before.config.stateDir, path, 'POST', form.toString());
  if (flags.rack !== undefined && flags.rack !== before.uuid) {
    print(`${key}: stored. The rack ${flags.rack} applies it as soon as it receives it.`);
    return;
  }
  const now = await awaitApplied(flags.config, before, key, value);
  const done = value === undefined ? 'no longer in the store: the file or the default is in force' : 'in force';
  print(now === undefined ? notApplied(key) : `${key}: ${done}.`);
  if (now !== undefined && value !== undefined) printWarnings(now, key);
  if (now !== undefined) for (const line of await strandedBy(before.config, now.config)) print(line);
}

/** Warns if the value just stored gives everybody access, or names missing loaders. */
function printWarnings({ config }: FoundConfig, key: string): void {
  for (const line of [...wideDoors(config).map(noteText), ...absentLoaders(config.boot)])
    if (line.startsWith(`${key} `)) print(`Beware  ${line}`);
}

const notApplied = (key: string): string =>
  `${key}: stored, but the rack has not applied it within ${APPLY_MS_MAX / 1000} s: rackboot config show says why.`;

/**
 * Waits until the rack applies a stored value. @returns the configuration then in force; undefined if it took too long
 * @throws RackError `config-invalid` if the rack refuses the value
 */
async function awaitApplied(
  file: string,
  before: FoundConfig,
  key: string,
  value: SettingValue | undefined,
): Promise<FoundConfig | undefined> {
  const wanted = JSON.stringify(value);
  for (let waited = 0; waited < APPLY_MS_MAX; waited += POLL_MS) {
    const now = await askConfig(file);
    if (now.refused !== undefined && now.refused !== before.refused) {
      throw new RackError('config-invalid', `${key}: stored, but the rack refuses it:\n${now.refused}`);
    }
    if (JSON.stringify(findSetting(now.stored, key)) === wanted) return now;
    await sleep(POLL_MS);
  }
  return undefined;
}

/** @throws RackError `bad-argument` on a rack that is linked to a region elsewhere; the text has the command to run there */
function refuseElsewhere(found: FoundConfig, flags: SettingFlags, key: string, value: SettingValue | undefined): void {
  const { name, uplink } = found.config;
  if (uplink.mode !== 'remote') return;
  const ofRack = key.split('.')[0] === INTERFACES_KEY ? ` --rack ${shellWord(flags.rack ?? name)}` : '';
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  const words = shellWord(key) + (value === undefined ? '' : ` ${shellWord(withoutUsers(text))}`) + ofRack;
  const command = `\`rackboot config ${value === undefined ? 'unset' : 'set'} ${words}\` on the host of the region`;
  const instead = value === undefined ? '' : `; or write the key into ${found.path}`;
  const where = `the region at ${uplink.urls.join(', ')} holds the store`;
  throw new RackError(
    'bad-argument',
    `${key}: ${where}: ${value === undefined ? 'remove' : 'set'} it there: ${command}${instead}`,
  );
}

async function changeOffline(
  found: FoundConfig,
  flags: SettingFlags,
  key: string,
  value: SettingValue | undefined,
): Promise<void> {
  const { stateDir, name } = found.config;
  await withStoredSettings({ stateDir, name, file: found.path, values: found.file.values }, async (settings, by) => {
    const refusal = await settings.change(flags.rack ?? '', [{ key, value }], by);
    if (refusal !== undefined) throw new RackError('bad-argument', sentenceOf(refusal));
  });
}

async function storedOf({ config }: FoundConfig, rack: string): Promise<Settings> {
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
function parseValue(key: string, text: string): SettingValue {
  if (typeof valueOrDefault(key, {}) === 'string') return text;
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
  if (findKeyRule(key) !== undefined && nearestKey(key) === undefined && !key.startsWith(`${INTERFACES_KEY}.`))
    return new RackError(
      'bad-argument',
      `${key}: it is not set, and has no fixed default; rackboot config show lists all`,
    );
  // The names of networks are known only from the configuration itself.
  const meant = nearestKey(key) ?? nearestName(key, networkKeys(found));
  const what = meant === undefined ? 'there is no such key, or it has no value' : 'there is no such key';
  const hint = meant === undefined ? '' : `did you mean ${meant}? `;
  return new RackError('bad-argument', `${key}: ${what}; ${hint}rackboot config show lists all`);
}

/** The keys of the networks, and of their fields. */
const networkKeys = ({ values }: ShownConfig): readonly string[] =>
  values.flatMap(({ key }) => {
    const [section, name] = key.split('.');
    return section === INTERFACES_KEY && name !== undefined ? [key, `${section}.${name}`] : [];
  });
