// The scripts of operators: list, add, change, remove, download.
//
// Sources: MAAS's `scripts/` of API 2.0, and `commissioning-scripts/` of 1.0, which older clients of 2.0 use too.
//
// 1. Every user may read them. Only administrators may change them, because they run as root on machines.

import { z } from 'zod';
import { NO_MARKS, type Script, type ScriptKind, type WrittenScript } from '../../records/script-store.ts';
import {
  POSITION_DEFAULT,
  parseKind,
  parseScript,
  parseTimeout,
  SCRIPT_BYTES_MAX,
  SCRIPTS_MAX,
  TIMEOUT_SECONDS_DEFAULT,
} from '../../scripts/script-text.ts';
import type { RefusalCode } from '../../words/refusal.ts';
import {
  type Answer,
  allOf,
  isRefusal,
  json,
  partOf,
  type Refusal,
  refuse,
  refuseField,
  refuseFields,
} from '../call/answer.ts';
import {
  type ApiCall,
  defineOperation,
  eventBy,
  isTrue,
  judging,
  nothing,
  type Operation,
  type Passed,
  refusedOperation,
  trying,
  value,
  values,
} from '../call/operation.ts';
import { refusalIn } from '../networks/network-calls.ts';
import { formatEventTime } from '../site/event-operations.ts';

const KIND_NUMBERS = { commissioning: 0, testing: 2 } as const;
const KIND_TITLES = { commissioning: 'Commissioning script', testing: 'Testing script' } as const;
/** Names of one request. */
const NAMES_MAX = 100;

const optional = (charactersMax: number, description: string) =>
  value(z.string().max(charactersMax)).optional().describe(description);

/** A parameter of MAAS that has one value here, which may be given. */
const only = (form: RegExp, code: RefusalCode, description: string) =>
  value(z.string().max(4096).regex(form, code)).optional().describe(description);
const NOT = /^(?:|0|false|no|off)$/i;
const NONE = /^\s*$/;
const NODE = /^(?:|0|node)$/i;

/** The parameters of runs that scripts do not have here. */
const unsupported = {
  hardware_type: only(NODE, 'field.script-hardware', 'Must be `node` (0): a script runs once on each machine.'),
  parallel: only(
    /^(?:|0|false|disabled)$/i,
    'field.script-parallel',
    'Must be `disabled` (0): one runs after the other.',
  ),
  destructive: only(NOT, 'field.script-destructive', 'Must be false: no machine is exempt from a script.'),
  recommission: only(NOT, 'field.script-recommission', 'Must be false: a script does not repeat the commissioning.'),
  for_hardware: only(NONE, 'field.script-for-hardware', 'Must be empty: people choose the machines of a run.'),
  apply_configured_networking: only(
    NOT,
    'field.script-networking',
    'Must be false: a script uses the network of the boot.',
  ),
  tags: only(NONE, 'field.script-tags', 'Must be empty: scripts are chosen by their names.'),
  comment: only(NONE, 'field.script-comment', 'Must be empty: a script has no history.'),
  packages: optional(4096, 'Not supported: nothing is installed before a script.'),
  may_reboot: optional(16, 'Not supported: a script may not restart its machine.'),
};

const written = {
  name: optional(256, 'Its name. Default: the one in its comment.'),
  script: value(z.string().max(SCRIPT_BYTES_MAX * 2)).describe(
    `The script itself, text of at most ${SCRIPT_BYTES_MAX} bytes whose first line names its interpreter.`,
  ),
  type: optional(16, '`commissioning` or 0, `testing` or 2. Default: the one in its comment, else commissioning.'),
  title: optional(1024, 'A title, for display.'),
  description: optional(4096, 'Its purpose.'),
  timeout: optional(16, `How long it may take: seconds, or 01:30:00. Default: ${TIMEOUT_SECONDS_DEFAULT} seconds.`),
  position: value(z.string().regex(/^\d{1,3}$/, 'field.script-position'))
    .optional()
    .describe(`Scripts of lower positions run first. Default: ${POSITION_DEFAULT}.`),
  ...unsupported,
};
const newScript = z.object(written);
const changedScript = z.object({ ...written, script: written.script.optional().describe('Its new text.') });

function clockTime(seconds: number): string {
  const two = (number: number): string => String(number).padStart(2, '0');
  return `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}

function scriptJson(script: Script, content?: string): Record<string, unknown> {
  const { id, name, kind, title, description, timeoutSeconds, position, changedMs, bytes } = script;
  const data = content === undefined ? {} : { data: Buffer.from(content).toString('base64') };
  return {
    id,
    name,
    title,
    description,
    type: KIND_NUMBERS[kind],
    type_name: KIND_TITLES[kind],
    tags: [],
    hardware_type: 0,
    hardware_type_name: 'Node',
    parallel: 0,
    parallel_name: 'Disabled',
    results: {},
    parameters: {},
    packages: {},
    timeout: clockTime(timeoutSeconds),
    timeout_seconds: timeoutSeconds,
    position,
    bytes,
    destructive: false,
    default: false,
    for_hardware: [],
    may_reboot: false,
    recommission: false,
    apply_configured_networking: false,
    history: [{ id, comment: '', created: formatEventTime(changedMs), ...data }],
    resource_uri: `/MAAS/api/2.0/scripts/${name}`,
  };
}

const noScript = (): Refusal => refuse('not-found.script');

/** The script in the path, by its name or its id. */
async function findScript(call: ApiCall): Promise<(Script & { readonly content: string }) | undefined> {
  const { scripts } = call.region.store;
  const wanted = call.path.name ?? '';
  const name = /^\d+$/.test(wanted)
    ? (await scripts.listScripts()).find(({ id }) => String(id) === wanted)?.name
    : wanted;
  return name === undefined ? undefined : await scripts.findScript(name);
}

const listParameters = z.object({
  type: optional(16, 'Only scripts for `commissioning` or `testing`.'),
  hardware_type: value(
    z.string().regex(/^(?:[0-9]|node|cpu|memory|storage|network|gpu)?$/i, 'field.script-hardware-type'),
  )
    .optional()
    .describe('Only scripts for this kind of hardware. All are for `node` (0).'),
  filters: values(NAMES_MAX).optional().describe('Only scripts with these names.'),
  include_script: optional(16, 'True: include their text, in Base64.'),
});

/** The kind in a parameter; `undefined`: none is given. */
const kindOf = (text: string | undefined): ScriptKind | Refusal | undefined =>
  text === undefined ? undefined : (parseKind(text) ?? refuseField('type', 'field.script-kind'));

async function list(call: ApiCall, given: z.output<typeof listParameters>): Promise<Answer> {
  const kind = kindOf(given.type);
  if (isRefusal(kind)) return kind;
  const { scripts } = call.region.store;
  if (!NODE.test(given.hardware_type ?? '')) return json([]);
  const wanted = (await scripts.listScripts(kind)).filter(({ name }) => given.filters?.includes(name) ?? true);
  const contentOf = async (name: string): Promise<string | undefined> =>
    isTrue(given.include_script) ? (await scripts.findScript(name))?.content : undefined;
  return json(await Promise.all(wanted.map(async (script) => scriptJson(script, await contentOf(script.name)))));
}

type Given = z.output<typeof changedScript>;

/** In a trial, the other parameters are judged with this text in the place of one that is refused. */
const NO_TEXT = '#!/bin/sh\n';

/** The script made from the parameters and the script before, if any; or a refusal. */
function scriptOf(call: ApiCall, given: Given, before: WrittenScript | undefined): WrittenScript | Refusal {
  const kind = given.type === undefined ? before?.kind : parseKind(given.type);
  const timeout = given.timeout === undefined ? before?.timeoutSeconds : parseTimeout(given.timeout);
  const parsed = parseScript({
    content: given.script ?? before?.content ?? NO_TEXT,
    name: given.name ?? before?.name,
    kind,
    title: given.title ?? before?.title,
    description: given.description ?? before?.description,
    timeoutSeconds: timeout,
    position: given.position === undefined ? before?.position : Number(given.position),
  });
  const found = allOf(
    parsed.kind === 'fault' ? refuseFields(parsed.problems) : parsed,
    given.packages ? refuseField('packages', 'field.script-packages') : undefined,
    isTrue(given.may_reboot) ? refuseField('may_reboot', 'field.script-reboot') : undefined,
    given.type !== undefined && kind === undefined ? refuseField('type', 'field.script-type') : undefined,
    given.timeout !== undefined && timeout === undefined ? refuseField('timeout', 'field.script-timeout') : undefined,
  );
  if (isRefusal(found)) return found;
  const [whole] = found;
  return { ...NO_MARKS, ...whole.script, changedMs: call.region.clock.wallTimeMs() };
}

async function add(call: ApiCall, given: Given): Promise<Answer> {
  const script = scriptOf(call, given, undefined);
  if (script.kind === 'refusal') return script;
  const added = await call.region.store.scripts.addScript(
    script,
    SCRIPTS_MAX,
    eventBy(call, 'SCRIPT', { code: 'script-added', params: { script: script.name } }),
  );
  if (added === 'exists') return refuseField('name', 'field.script-added', { name: script.name });
  if (added === 'limit') return refuseField('name', 'field.scripts-limit', { max: SCRIPTS_MAX });
  return json(scriptJson(added));
}

async function change(call: ApiCall, given: Given): Promise<Answer> {
  const before = await findScript(call);
  if (before === undefined) return noScript();
  const script = scriptOf(call, given, before);
  if (script.kind === 'refusal') return script;
  const event = eventBy(call, 'SCRIPT', { code: 'script-changed', params: { script: before.name } });
  const changed = await call.region.store.scripts.changeScript(before.name, script, event);
  if (changed === 'exists') return refuseField('name', 'field.script-name-taken', { name: script.name });
  return changed === 'not-found' ? noScript() : json(scriptJson(changed));
}

async function remove(call: ApiCall): Promise<Answer> {
  const script = await findScript(call);
  if (script === undefined) return noScript();
  const event = eventBy(call, 'SCRIPT', { code: 'script-removed', params: { script: script.name } });
  await call.region.store.scripts.removeScript(script.name, event);
  return { kind: 'empty' };
}

async function read(call: ApiCall, given: { readonly include_script?: string | undefined }): Promise<Answer> {
  const script = await findScript(call);
  if (script === undefined) return noScript();
  const whole = scriptJson(script, script.content);
  return partOf(isTrue(given.include_script) ? whole : scriptJson(script), whole);
}

async function download(call: ApiCall, kind?: ScriptKind): Promise<Answer> {
  const script = await findScript(call);
  if (script === undefined || (kind !== undefined && script.kind !== kind)) return noScript();
  const whole = scriptJson(script, script.content);
  return { kind: 'text', text: script.content, contentType: 'text/plain; charset=utf-8', whole };
}

const many = { versions: ['2.0'], path: 'scripts', handler: 'NodeScriptsHandler' } as const;
const one = { versions: ['2.0'], path: 'scripts/{name}', handler: 'NodeScriptHandler' } as const;
const oldMany = {
  versions: ['1.0', '2.0'],
  path: 'commissioning-scripts',
  handler: 'CommissioningScriptsHandler',
} as const;
const oldOne = { ...oldMany, path: 'commissioning-scripts/{name}', handler: 'CommissioningScriptHandler' } as const;
const oldContent = z.object({ content: written.script, timeout: written.timeout, ...unsupported });
const oldScript = z.object({ name: written.name, ...oldContent.shape });
const OLD_FIELDS = { script: 'content' };

const addOld = async (call: ApiCall, { content, ...others }: Passed<typeof oldScript>): Promise<Answer> =>
  refusalIn(OLD_FIELDS, await add(call, { ...others, script: content, type: 'commissioning' }));

const changeOld = async (call: ApiCall, { content, ...others }: Passed<typeof oldContent>): Promise<Answer> =>
  refusalIn(OLD_FIELDS, await change(call, { ...others, script: content }));

const OLD_OPERATIONS: readonly Operation[] = [
  defineOperation({
    ...oldMany,
    method: 'GET',
    access: 'user',
    doc: 'List the names of the commissioning scripts.',
    parameters: nothing,
    run: async (call) => json((await call.region.store.scripts.listScripts('commissioning')).map(({ name }) => name)),
  }),
  defineOperation({
    ...oldMany,
    method: 'POST',
    access: 'admin',
    doc: 'Add a commissioning script.',
    parameters: oldScript,
    check: trying(oldScript.partial(), addOld),
    run: addOld,
  }),
  defineOperation({
    ...oldOne,
    method: 'GET',
    access: 'user',
    doc: 'Read the text of a commissioning script.',
    parameters: nothing,
    run: (call) => download(call, 'commissioning'),
  }),
  defineOperation({
    ...oldOne,
    method: 'PUT',
    access: 'admin',
    doc: 'Replace the text of a commissioning script.',
    parameters: oldContent,
    check: trying(oldContent.partial(), changeOld),
    run: changeOld,
  }),
  defineOperation({
    ...oldOne,
    method: 'DELETE',
    access: 'admin',
    doc: 'Remove a commissioning script. Its results stay.',
    parameters: nothing,
    run: remove,
  }),
];

/** Script operations. */
export const SCRIPT_OPERATIONS: readonly Operation[] = [
  defineOperation({
    ...many,
    method: 'GET',
    access: 'user',
    doc: 'List scripts.',
    parameters: listParameters,
    check: judging(listParameters, (_call, { type }) => [kindOf(type)]),
    run: list,
  }),
  defineOperation({
    ...many,
    method: 'POST',
    access: 'admin',
    doc: 'Add a script.',
    parameters: newScript,
    check: trying(changedScript, add),
    run: add,
  }),
  defineOperation({
    ...one,
    method: 'GET',
    access: 'user',
    doc: 'Read one script.',
    parameters: z.object({ include_script: listParameters.shape.include_script }),
    run: read,
  }),
  defineOperation({
    ...one,
    method: 'GET',
    op: 'download',
    access: 'user',
    doc: 'Read the text of a script.',
    parameters: nothing,
    run: (call) => download(call),
  }),
  defineOperation({
    ...one,
    method: 'PUT',
    access: 'admin',
    doc: 'Change a script.',
    parameters: changedScript,
    check: trying(changedScript, change),
    run: change,
  }),
  defineOperation({
    ...one,
    method: 'DELETE',
    access: 'admin',
    doc: 'Remove a script. Its results stay.',
    parameters: nothing,
    run: remove,
  }),
  ...['add_tag', 'remove_tag'].map((op) =>
    refusedOperation(
      { ...one, method: 'POST', access: 'admin' },
      op,
      'Refused: scripts are chosen by their names.',
      refuse('bad-request.script-tags'),
    ),
  ),
  refusedOperation(
    { ...one, method: 'POST', access: 'admin' },
    'revert',
    'Refused: a script has no history.',
    refuse('bad-request.script-revert'),
  ),
  ...OLD_OPERATIONS,
];
