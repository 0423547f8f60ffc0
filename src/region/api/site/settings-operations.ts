// The configuration in the store, over the API: by its own keys, and by the names of MAAS's
// `get_config` and `set_config`.
//
// Sources: MAAS `maas/?op=get_config` (a JSON value) and `op=set_config` (answers `OK`); the
// refusal of an unknown name.
//
// 1. A value is shown as it would be written in the configuration file; no key of the store holds a secret.

import { z } from 'zod';
import { composeJsonFaultText } from '../../../ground/json-excess.ts';
import { findNearestName } from '../../../ground/nearest-name.ts';
import { parseSettingValue, SETTINGS_VALUES_MAX, type SettingValue } from '../../../machines/settings.ts';
import { generalOption, isGeneralOption } from '../../general-options.ts';
import { didYouMean, TRUE_OR_FALSE } from '../../records/refusal.ts';
import { pinnedText, pinText } from '../../records/settings-refusal.ts';
import { parseJson } from '../../records/text-json.ts';
import type { SettingEdit } from '../../settings.ts';
import {
  type Answer,
  json,
  plainText,
  type Refusal,
  refuse,
  refuseField,
  refuseFields,
  refuseRack,
  refuseSetting,
} from '../call/answer.ts';
import {
  type ApiCall,
  flagParameter,
  getCallerUsername,
  isFalse,
  isTrue,
  nothing,
  type Operation,
  operation,
  optionalText,
  ownTransaction,
  requiredText,
  value,
} from '../call/operation.ts';
import { reviseSettings } from '../call/revised-settings.ts';
import {
  CONFIG_NAMES,
  type ConfigName,
  FORMER_NAMES,
  fixedSetting,
  MISSING_FUNCTIONS,
  missingFunction,
} from './maas-config-names.ts';

const NAMES = Object.keys(CONFIG_NAMES);

function unknownName(name: string): Answer {
  const missing = missingFunction(name);
  if (missing !== undefined)
    return refuseField(
      'name',
      `${name.slice(0, 64)} is a setting of MAAS, but Rackboot does not have ${MISSING_FUNCTIONS[missing]}.`,
    );
  const nearest = findNearestName(name, NAMES);
  return refuseField(
    'name',
    `${name.slice(0, 64)} is not a valid config setting (valid settings are: ${NAMES.join(', ')}).${didYouMean(nearest)}`,
  );
}

function findConfigName(name: string) {
  const now = Object.hasOwn(FORMER_NAMES, name) ? (FORMER_NAMES[name] ?? name) : name;
  return Object.hasOwn(CONFIG_NAMES, now) ? CONFIG_NAMES[now] : undefined;
}

type Fixed = NonNullable<ReturnType<typeof fixedSetting>>;

function isFixedValueText(value: Fixed['value'], text: string): boolean {
  if (typeof value === 'boolean') return value ? isTrue(text) : text !== '' && isFalse(text);
  return text === String(value ?? '');
}

function otherValue(name: string, { value, missing }: Fixed): Answer {
  const always = value === null ? 'is always empty' : `is always ${value}`;
  return refuseField('value', `${name} ${always} here: Rackboot does not have ${MISSING_FUNCTIONS[missing]}.`);
}

async function getConfig(call: ApiCall, { name }: z.output<typeof named>): Promise<Answer> {
  const configName = findConfigName(name);
  const fixed = fixedSetting(name);
  if (fixed !== undefined) return json(fixed.value);
  if (configName === undefined) return unknownName(name);
  const { settings } = call.region;
  await settings.load();
  const set = settings.valueOf(configName.key);
  const written = configName.key === 'region.name' ? set || call.region.config().ownRack?.name : set;
  if (configName.flag !== undefined) return json(written !== configName.flag.off && written !== false);
  const shownValue = configName.option === undefined ? written : generalOption(written, configName.option);
  if (shownValue === undefined || shownValue === '') return json(configName.isText === true ? '' : null);
  return json(Array.isArray(shownValue) ? (shownValue.length === 0 ? null : shownValue.join(' ')) : shownValue);
}

/**
 * The value to store for a text; `undefined` removes the key. Refuses a text that is not a value of
 * its kind.
 */
function valueFor(
  call: ApiCall,
  configName: ConfigName,
  text: string,
): { readonly next: SettingValue | undefined } | Refusal {
  const { flag, option, key, isList, isCleared } = configName;
  if (flag !== undefined) {
    const [isOn, isOff] = [isTrue(text), text !== '' && isFalse(text)];
    return isOn || isOff ? { next: isOn ? flag.on : flag.off } : refuseField('value', TRUE_OR_FALSE);
  }
  const words = text.split(/[\s,]+/).filter((word) => word !== '');
  if (option !== undefined) {
    const list = call.region.settings.valueOf(key);
    const others = Array.isArray(list) ? list.filter((entry) => !isGeneralOption(entry, option)) : [];
    return { next: words.length === 0 ? others : [...others, { name: option.name, value: words }] };
  }
  if (text === '' && isCleared === true) return { next: undefined };
  return { next: isList === true ? words : text };
}

async function setConfig(call: ApiCall, { name: text, value: written }: z.output<typeof newConfig>): Promise<Answer> {
  const configName = findConfigName(text);
  const fixed = fixedSetting(text);
  if (fixed !== undefined)
    return isFixedValueText(fixed.value, written.trim()) ? plainText('OK') : otherValue(text, fixed);
  if (configName === undefined) return unknownName(text);
  const { settings } = call.region;
  await settings.load();
  // `trim` removes other separators, too, and an empty value unsets the setting.
  if (written.trim() === '' && /[^ \t\r\n]/.test(written))
    return refuseField('value', 'The value has only characters that nobody sees: an empty value removes the setting.');
  const wanted = valueFor(call, configName, written.trim());
  if ('kind' in wanted) return wanted;
  const ok = plainText('OK');
  if (wanted.next === undefined) {
    const pin = settings.pinnedBy(configName.key, '');
    if (pin !== undefined) return refuse('setting-read-only', pinnedText(configName.key, pin));
    // Removing an absent key is not an error: MAAS accepts an empty value again.
    if (!settings.list().some(({ rack, key }) => rack === '' && key === configName.key)) return ok;
  }
  const answer = await changeSetting(call, '', configName.key, wanted.next);
  return answer.kind === 'json' ? ok : ofValue(answer);
}

function ofValue(answer: Answer): Answer {
  if (answer.kind !== 'refusal' || answer.fields === undefined) return answer;
  return refuseFields({ value: Object.values(answer.fields).flat() }, answer.name);
}

/** Lists every key in the store, with its rack, and with the file that overrides it, if one does. */
async function listSettings(call: ApiCall) {
  const { settings } = call.region;
  await settings.load();
  return json(
    settings.list().map(({ rack, key, value: written }) => {
      const pin = settings.pinnedBy(key, rack);
      const name = rack === '' ? undefined : call.region.racks.find(rack)?.name;
      const owner = { rack: rack === '' ? null : rack, rack_name: name ?? null };
      const shadowedBy = pin === undefined ? null : pinText({ key, pin });
      return { key, value: written, ...owner, shadowed_by: shadowedBy };
    }),
  );
}

const VALUE_MAX = 1024 * 1024;
const KEY_MAX = 300;
/** The most keys of one change: a cluster interface has some forty. */
const CHANGES_MAX = 256;

const VALUE_TOO_LARGE = 'The value is too large or too deeply nested.';

function setSetting(call: ApiCall, input: z.output<typeof newSetting>): Answer | Promise<Answer> {
  const parsed = parseJson(input.value, SETTINGS_VALUES_MAX);
  if (parsed.kind === 'fault')
    return refuseField('value', `${composeJsonFaultText(parsed.fault)}: give JSON, such as "text", 5 or ["a", "b"].`);
  const written = parseSettingValue(parsed.value);
  if (written === undefined) return refuseField('value', VALUE_TOO_LARGE);
  return changeSetting(call, input.rack, input.key, written);
}

const changesShape = z
  .array(
    z.union([
      z.strictObject({ key: z.string().min(1).max(KEY_MAX), value: z.unknown().optional() }),
      z.strictObject({ key: z.string().min(1).max(KEY_MAX), add: z.array(z.unknown()) }),
      z.strictObject({ key: z.string().min(1).max(KEY_MAX), remove: z.array(z.unknown()) }),
    ]),
  )
  .min(1)
  .max(CHANGES_MAX);

/** The change as an edit of the settings; undefined: a value is too large. */
function buildSettingEdit(edit: z.output<typeof changesShape>[number]): SettingEdit | undefined {
  const { key } = edit;
  if ('value' in edit) {
    const written = parseSettingValue(edit.value);
    return written === undefined ? undefined : { key, value: written };
  }
  const [kind, list] =
    'add' in edit ? (['add', edit.add] as const) : 'remove' in edit ? (['remove', edit.remove] as const) : [];
  if (kind === undefined) return { key, value: undefined };
  const entries = parseSettingValue(list);
  return Array.isArray(entries) ? { key, value: undefined, entries: { kind, entries } } : undefined;
}

async function changeTogether(call: ApiCall, input: z.output<typeof newChanges>): Promise<Answer> {
  const parsed = parseJson(input.changes, SETTINGS_VALUES_MAX);
  if (parsed.kind === 'fault')
    return refuseField('changes', `${composeJsonFaultText(parsed.fault)}: give JSON, such as "text", 5 or ["a", "b"].`);
  const changes = changesShape.safeParse(parsed.value);
  if (!changes.success)
    return refuseField(
      'changes',
      `${composeJsonFaultText({ kind: 'malformed' })}: give JSON, such as "text", 5 or ["a", "b"].`,
    );
  const edits = changes.data.map(buildSettingEdit);
  if (!edits.every((edit) => edit !== undefined)) return refuseField('changes', VALUE_TOO_LARGE);
  const owner = findInterfaceOwner(call, input.rack);
  if (owner === undefined) return refuseRack(input.rack);
  const { settings } = call.region;
  if (isTrue(input.dry_run)) {
    const misfit = await settings.change(owner, edits, getCallerUsername(call), true);
    return misfit === undefined ? json([]) : refuseSetting(misfit);
  }
  const refused = await reviseSettings(call, owner, edits);
  return refused ?? json(edits.map(({ key }) => ({ key, value: settings.stored(owner, key) ?? null })));
}

/** The owner of cluster interfaces as `RegionSettings.change` names it. */
const findInterfaceOwner = (call: ApiCall, name: string | undefined) =>
  name === undefined || name === '' ? '' : call.region.settings.findRack(name);

/**
 * @param name the rack of a cluster interface: a UUID, a name or `master`; `undefined` for this
 * process's rack
 */
async function changeSetting(
  call: ApiCall,
  name: string | undefined,
  key: string,
  next: SettingValue | undefined,
): Promise<Answer> {
  const rack = findInterfaceOwner(call, name);
  if (rack === undefined) return refuseRack(name);
  const refused = await reviseSettings(call, rack, [{ key, value: next }]);
  return refused ?? json({ key, value: next ?? null });
}

const key = value(z.string().min(1).max(KEY_MAX)).describe(
  'As in the configuration file: dns.upstream, cluster_interfaces.NAME.',
);
const rack = optionalText(
  64,
  'The rack whose cluster interface it is, by UUID or name. Default: the rack of the region itself.',
);
const name = requiredText(64, `One of ${NAMES}.`);

const newConfig = z.object({ name, value: requiredText(4096, 'The new value.') });
const newSetting = z.object({
  key,
  value: requiredText(VALUE_MAX, 'The new value, as JSON.'),
  rack,
});
const newChanges = z.object({
  changes: requiredText(
    VALUE_MAX,
    'A list, as JSON: `{"key", "value"}` sets a key, `{"key"}` removes it, `{"key", "add": […]}` and `{"key", "remove": […]}` change the entries of a list.',
  ),
  rack,
  dry_run: flagParameter('True: judge the changes as for storing them, and store nothing.'),
});

const named = z.object({ name });
const absent = z.object({ key, rack });

const maas = { versions: ['1.0', '2.0'], path: 'maas', handler: 'MaasHandler' } as const;
const settings = { versions: ['2.0'], path: 'settings', handler: 'SettingsHandler' } as const;
const changing = ownTransaction(settings);

export const SETTINGS_OPERATIONS: readonly Operation[] = [
  operation(maas, 'GET get_config', 'user', 'any', 'Read a configuration value by its MAAS name.', named, getConfig),
  operation(
    ownTransaction(maas),
    'POST set_config',
    'admin',
    'text',
    'Set a configuration value by its MAAS name.',
    newConfig,
    setConfig,
  ),
  operation(
    settings,
    'GET',
    'admin',
    ['storedSetting'],
    'List the configuration keys in the store.',
    nothing,
    listSettings,
  ),
  operation(
    changing,
    'POST set',
    'admin',
    'setting',
    'Set a configuration key in the store. A key that is written in the file is read-only.',
    newSetting,
    setSetting,
  ),
  operation(
    changing,
    'POST change',
    'admin',
    ['setting'],
    'Change several configuration keys in the store together, or none of them.',
    newChanges,
    changeTogether,
  ),
  operation(
    changing,
    'POST unset',
    'admin',
    'setting',
    'Remove a configuration key from the store: its default applies again.',
    absent,
    (call, input) => changeSetting(call, input.rack, input.key, undefined),
  ),
];
