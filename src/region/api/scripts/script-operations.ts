// The scripts of operators: list, add, change, remove, download.
//
// Sources: MAAS's `scripts/` of API 2.0, and `commissioning-scripts/` of 1.0, which older clients
// of 2.0 use too.
//
// 1. Every user may read them. Only administrators may change them, because they run as root on machines.

import { z } from 'zod';
import {
  SCRIPT_HARDWARE,
  SCRIPT_PARALLEL,
  type Script,
  type ScriptKind,
  type WrittenScript,
} from '../../records/script-store.ts';
import { cleanWords } from '../../records/text-json.ts';
import { passes } from '../../scripts/script-run.ts';
import {
  HARDWARE_FORM,
  PARALLEL_FORM,
  POSITION_DEFAULT,
  parseHardware,
  parseKind,
  parseParallel,
  parseScript,
  parseTimeout,
  SCRIPT_BYTES_MAX,
  SCRIPT_TAG,
  SCRIPT_TAGS_LIMIT,
  SCRIPT_TAGS_MAX,
  SCRIPT_TYPE_FORM,
  SCRIPTS_MAX,
  scriptTagText,
  TIMEOUT_SECONDS_DEFAULT,
} from '../../scripts/script-text.ts';
import type { AnswerOf } from '../answers/answer-types.ts';
import {
  type Answer,
  combineOrRefuse,
  EMPTY,
  isRefusal,
  json,
  plainText,
  type Refusal,
  refuse,
  refuseField,
  refuseFields,
} from '../call/answer.ts';
import {
  type ApiCall,
  controls,
  eventBy,
  flagParameter,
  isTrue,
  nothing,
  type Operation,
  operation,
  optionalList,
  optionalText,
  refusedOperation,
  requiredText,
  value,
} from '../call/operation.ts';
import { refusalIn } from '../networks/network-calls.ts';
import { formatEventTime } from '../site/event-operations.ts';
import { parseHardwareType } from './result-operations.ts';

const KIND_NUMBERS = { commissioning: 0, testing: 2 } as const;
const HARDWARE_TITLES = {
  node: 'Node',
  cpu: 'CPU',
  memory: 'Memory',
  storage: 'Storage',
  network: 'Network',
  gpu: 'GPU',
};
const PARALLEL_TITLES = { disabled: 'Disabled', instance: 'Instance', any: 'Any' } as const;
const KIND_TITLES = { commissioning: 'Commissioning script', testing: 'Testing script' } as const;
/** Names of one request. */
const NAMES_MAX = 100;

/** A parameter of MAAS that has one value here, which may be given. */
const patternField = (form: RegExp, fault: string, description: string) =>
  value(z.string().max(4096).regex(form, fault)).optional().describe(description);
const NOT = /^(?:|0|false|no|off)$/i;
const NONE = /^\s*$/;

const marks = {
  tags: optionalList(
    NAMES_MAX,
    `Words by which a commissioning or a test chooses it, at most ${SCRIPT_TAGS_MAX}. One tagged \`noauto\` runs only where it is chosen.`,
    {
      control: 'words',
      hint: 'With commas between. A script tagged noauto runs only where it is chosen.',
      charactersMax: 5000,
    },
  ),
  hardware_type: optionalText(
    64,
    'For which hardware it is: `node` (0), `cpu`, `memory`, `storage`, `network` or `gpu` (5). It runs once on each machine.',
  ),
  parallel: optionalText(
    64,
    'Which others may run at the same time: `disabled` (0), `instance` (1) or `any` (2). Here one runs after the other.',
  ),
  destructive: flagParameter(
    'True: it overwrites data, so that it runs only where a commissioning or a test chooses it.',
  ),
};

/** The parameters of runs that scripts do not have here. */
const unsupported = {
  recommission: patternField(
    NOT,
    'A script does not repeat the commissioning: give false, and commission the machine again.',
    'Must be false: a script does not repeat the commissioning.',
  ),
  for_hardware: patternField(
    NONE,
    'A script does not choose its machines: omit for_hardware, and choose them when you start the run.',
    'Must be empty: people choose the machines of a run.',
  ),
  apply_configured_networking: patternField(
    NOT,
    'A script uses the network of the boot: give false.',
    'Must be false: a script uses the network of the boot.',
  ),
  comment: patternField(
    NONE,
    'A script has no history: omit comment, or write it into the description.',
    'Must be empty: a script has no history.',
  ),
  packages: optionalText(4096, 'Not supported: nothing is installed before a script.'),
  may_reboot: optionalText(16, 'Not supported: a script may not restart its machine.'),
};

const written = {
  name: optionalText(256, 'Its name. Default: the one in its comment.', { hint: '', charactersMax: 64 }),
  script: requiredText(
    SCRIPT_BYTES_MAX * 2,
    `The script itself, text of at most ${SCRIPT_BYTES_MAX} bytes whose first line names its interpreter.`,
    {
      control: 'area',
      rows: 14,
      hint: 'The first line names the interpreter. A non-zero exit status is a failure.',
    },
  ),
  type: optionalText(16, '`commissioning` or 0, `testing` or 2. Default: the one in its comment, else commissioning.', {
    control: 'choice',
    label: 'When it runs',
    hint: '',
    choices: { commissioning: 'during commissioning', testing: 'during testing' },
  }),
  title: optionalText(1024, 'A title, for display.'),
  description: optionalText(4096, 'Its purpose.', { control: 'area', hint: '' }),
  timeout: optionalText(
    16,
    `How long it may take: seconds, or 01:30:00. Default: ${TIMEOUT_SECONDS_DEFAULT} seconds.`,
    { label: 'Time limit', hint: 'Seconds, or 10m, 2h, 01:30:00.', charactersMax: 12 },
  ),
  position: value(z.string().regex(/^\d{1,3}$/, 'is not a number from 0 to 999'))
    .optional()
    .describe(`Scripts of lower positions run first. Default: ${POSITION_DEFAULT}.`)
    .register(controls, {
      control: 'number',
      label: 'Order',
      hint: '0 to 999. Lower numbers run first.',
      charactersMax: 3,
    }),
  ...marks,
  ...unsupported,
};
const newScript = z.object(written);
const changedScript = z.object({ ...written, script: written.script.optional().describe('Its new text.') });

function clockTime(seconds: number) {
  const two = (number: number) => String(number).padStart(2, '0');
  return `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}

function scriptJson(script: Script, content?: string): AnswerOf<'script'> {
  const { id, name, kind, title, description, timeoutSeconds, position, changedMs, bytes } = script;
  const { tags, hardware, parallel, isDestructive } = script;
  const data = content === undefined ? {} : { data: Buffer.from(content).toString('base64') };
  return {
    id,
    name,
    title,
    description,
    type: KIND_NUMBERS[kind],
    type_name: KIND_TITLES[kind],
    tags,
    hardware_type: SCRIPT_HARDWARE.indexOf(hardware),
    hardware_type_name: HARDWARE_TITLES[hardware],
    parallel: SCRIPT_PARALLEL.indexOf(parallel),
    parallel_name: PARALLEL_TITLES[parallel],
    results: {},
    parameters: {},
    packages: {},
    timeout: clockTime(timeoutSeconds),
    timeout_seconds: timeoutSeconds,
    position,
    bytes,
    destructive: isDestructive,
    default: false,
    for_hardware: [],
    may_reboot: false,
    recommission: false,
    apply_configured_networking: false,
    history: [{ id, comment: '', created: formatEventTime(changedMs), ...data }],
    resource_uri: `/MAAS/api/2.0/scripts/${name}`,
  };
}

const noScript = () => refuse('not-found', 'No script has this name: `rackboot scripts list` shows all.');

async function findScript(call: ApiCall): Promise<(Script & { readonly content: string }) | undefined> {
  const { scripts } = call.region.store;
  const wanted = call.path.name ?? '';
  const name = /^\d+$/.test(wanted)
    ? (await scripts.listScripts()).find(({ id }) => String(id) === wanted)?.name
    : wanted;
  return name === undefined ? undefined : await scripts.findScript(name);
}

const listParameters = z.object({
  type: optionalText(16, 'Only scripts for `commissioning` or `testing`.'),
  hardware_type: optionalText(
    64,
    'Only scripts for this kind of hardware: `node` (0), `cpu`, `memory`, `storage`, `network` or `gpu` (5).',
  ),
  filters: optionalList(NAMES_MAX, 'Only scripts with these names or tags.'),
  include_script: optionalText(16, 'True: include their text, in Base64.'),
});

/** The kind in a parameter; `undefined`: none is given. */
const parseScriptKind = (text: string | undefined) =>
  text === undefined ? undefined : (parseKind(text) ?? refuseField('type', 'Give commissioning or testing.'));

async function answerScripts(call: ApiCall, input: z.output<typeof listParameters>): Promise<Answer> {
  const checked = combineOrRefuse(parseScriptKind(input.type), parseHardwareType(input.hardware_type));
  if (isRefusal(checked)) return checked;
  const [kind, hardware] = checked;
  const { scripts } = call.region.store;
  const wanted = (await scripts.listScripts(kind)).filter((script) => passes(script, hardware, input.filters));
  const contentOf = async (name: string) =>
    isTrue(input.include_script) ? (await scripts.findScript(name))?.content : undefined;
  return json(await Promise.all(wanted.map(async (script) => scriptJson(script, await contentOf(script.name)))));
}

type ScriptInput = z.output<typeof changedScript>;

async function addScript(call: ApiCall, input: ScriptInput): Promise<Answer> {
  const script = buildScript(call, input, undefined);
  if (script.kind === 'refusal') return script;
  const added = await call.region.store.scripts.addScript(
    script,
    SCRIPTS_MAX,
    eventBy(call, 'SCRIPT', { code: 'script-added', params: { script: script.name } }),
  );
  if (added === 'exists')
    return refuseField(
      'name',
      `The script ${script.name} exists already: change it (\`rackboot scripts add FILE --replace\`), or choose another name.`,
    );
  if (added === 'limit')
    return refuseField('name', `There are already ${SCRIPTS_MAX} scripts, the maximum: remove one.`);
  return json(scriptJson(added));
}

/** @param isKindKept true: its own text does not say for what it is */
async function changeScript(call: ApiCall, input: ScriptInput, isKindKept = false): Promise<Answer> {
  const before = await findScript(call);
  if (before === undefined) return noScript();
  const script = buildScript(call, isKindKept ? { ...input, type: before.kind } : input, before);
  if (script.kind === 'refusal') return script;
  const event = eventBy(call, 'SCRIPT', { code: 'script-changed', params: { script: before.name } });
  const changed = await call.region.store.scripts.changeScript(before.name, script, event);
  if (changed === 'exists')
    return refuseField('name', `The script ${script.name} exists already: choose another name.`);
  return changed === 'not-found' ? noScript() : json(scriptJson(changed));
}

const tagParameters = z.object({
  tag: value(z.string().trim().max(300)).describe('The tag: letters, digits, `_`, `.` and `-`.'),
});

async function changeTag(call: ApiCall, tag: string, isThere: boolean): Promise<Answer> {
  if (!SCRIPT_TAG.test(tag)) return refuseField('tag', scriptTagText(cleanWords(tag, 80)));
  const script = await findScript(call);
  if (script === undefined) return noScript();
  const event = eventBy(call, 'SCRIPT', { code: 'script-changed', params: { script: script.name } });
  const tagged = await call.region.store.scripts.tagScript(script.name, tag, isThere, SCRIPT_TAGS_MAX, event);
  if (tagged === 'limit') return refuseField('tag', SCRIPT_TAGS_LIMIT);
  return tagged === 'not-found' ? noScript() : json(scriptJson(tagged));
}

async function removeScript(call: ApiCall): Promise<Answer> {
  const script = await findScript(call);
  if (script === undefined) return noScript();
  const event = eventBy(call, 'SCRIPT', { code: 'script-removed', params: { script: script.name } });
  await call.region.store.scripts.removeScript(script.name, event);
  return EMPTY;
}

async function answerScript(
  call: ApiCall,
  input: Pick<z.output<typeof listParameters>, 'include_script'>,
): Promise<Answer> {
  const script = await findScript(call);
  if (script === undefined) return noScript();
  return json(scriptJson(script, isTrue(input.include_script) ? script.content : undefined));
}

async function download(call: ApiCall, kind?: ScriptKind): Promise<Answer> {
  const script = await findScript(call);
  if (script === undefined || (kind !== undefined && script.kind !== kind)) return noScript();
  return plainText(script.content);
}

const many = { versions: ['2.0'], path: 'scripts', handler: 'NodeScriptsHandler' } as const;
const item = { versions: ['2.0'], path: 'scripts/{name}', handler: 'NodeScriptHandler' } as const;
const oldMany = {
  versions: ['1.0', '2.0'],
  path: 'commissioning-scripts',
  handler: 'CommissioningScriptsHandler',
} as const;
const oldOne = { ...oldMany, path: 'commissioning-scripts/{name}', handler: 'CommissioningScriptHandler' } as const;
const oldContent = z.object({ content: written.script, timeout: written.timeout, ...marks, ...unsupported });
const oldScript = z.object({ name: written.name, ...oldContent.shape });
const OLD_FIELDS = { script: 'content' };

const listOld = async (call: ApiCall) =>
  json((await call.region.store.scripts.listScripts('commissioning')).map(({ name }) => name));

const addOld = async (call: ApiCall, { content, ...others }: z.output<typeof oldScript>) =>
  refusalIn(OLD_FIELDS, await addScript(call, { ...others, script: content, type: 'commissioning' }));

const changeOld = async (call: ApiCall, { content, ...others }: z.output<typeof oldContent>) =>
  refusalIn(OLD_FIELDS, await changeScript(call, { ...others, script: content }, true));

const HAS_NO_HISTORY = refuse('bad-request', 'A script has no history: send its former text with PUT.');

/** Script operations. */
export const SCRIPT_OPERATIONS: readonly Operation[] = [
  operation(many, 'GET', 'user', ['script'], 'List scripts.', listParameters, answerScripts),
  operation(many, 'POST', 'admin', 'script', 'Add a script.', newScript, addScript),
  operation(
    item,
    'GET',
    'user',
    'script',
    'Read one script.',
    listParameters.pick({ include_script: true }),
    answerScript,
  ),
  operation(item, 'GET download', 'user', 'text', 'Read the text of a script.', nothing, (call) => download(call)),
  operation(item, 'PUT', 'admin', 'script', 'Change a script.', changedScript, changeScript),
  operation(item, 'DELETE', 'admin', 'nothing', 'Remove a script. Its results stay.', nothing, removeScript),
  operation(
    item,
    'POST add_tag',
    'admin',
    'script',
    'Add a tag to a script. Adding it again changes nothing.',
    tagParameters,
    (call, { tag }) => changeTag(call, tag, true),
  ),
  operation(item, 'POST remove_tag', 'admin', 'script', 'Remove a tag from a script.', tagParameters, (call, { tag }) =>
    changeTag(call, tag, false),
  ),
  refusedOperation(
    { ...item, method: 'POST', access: 'admin' },
    'revert',
    'Refused: a script has no history.',
    HAS_NO_HISTORY,
  ),
  operation(oldMany, 'GET', 'user', ['string'], 'List the names of the commissioning scripts.', nothing, listOld),
  operation(oldMany, 'POST', 'admin', 'script', 'Add a commissioning script.', oldScript, addOld),
  operation(oldOne, 'GET', 'user', 'text', 'Read the text of a commissioning script.', nothing, (call) =>
    download(call, 'commissioning'),
  ),
  operation(oldOne, 'PUT', 'admin', 'script', 'Replace the text of a commissioning script.', oldContent, changeOld),
  operation(
    oldOne,
    'DELETE',
    'admin',
    'nothing',
    'Remove a commissioning script. Its results stay.',
    nothing,
    removeScript,
  ),
];

/** The script made from the parameters and the script before, if any; or a refusal. */
function buildScript(call: ApiCall, input: ScriptInput, before: WrittenScript | undefined): WrittenScript | Refusal {
  const { type, timeout: time, hardware_type: device, parallel: partners, destructive } = input;
  const kind = type === undefined ? undefined : parseKind(type);
  const timeout = time === undefined ? undefined : parseTimeout(time);
  const hardware = device === undefined ? undefined : parseHardware(device);
  const parallel = partners === undefined ? undefined : parseParallel(partners);
  const parsed = parseScript({
    before,
    content: input.script,
    name: input.name,
    kind,
    title: input.title,
    description: input.description,
    timeoutSeconds: timeout,
    position: input.position === undefined ? undefined : Number(input.position),
    tags: input.tags,
    hardware,
    parallel,
    isDestructive: destructive === undefined ? undefined : isTrue(destructive),
  });
  const checked = combineOrRefuse(
    parsed.kind === 'fault' ? refuseFields(parsed.problems) : parsed,
    input.packages ? refuseField('packages', 'Nothing is installed before a script: it runs with busybox.') : undefined,
    isTrue(input.may_reboot) ? refuseField('may_reboot', 'A script may not restart its machine.') : undefined,
    type !== undefined && kind === undefined ? refuseField('type', SCRIPT_TYPE_FORM) : undefined,
    time !== undefined && timeout === undefined
      ? refuseField('timeout', 'Give seconds, or a time such as 01:30:00.')
      : undefined,
    device !== undefined && hardware === undefined ? refuseField('hardware_type', HARDWARE_FORM) : undefined,
    partners !== undefined && parallel === undefined ? refuseField('parallel', PARALLEL_FORM) : undefined,
  );
  if (isRefusal(checked)) return checked;
  const [whole] = checked;
  return { ...whole.script, changedMs: call.region.clock.wallTimeMs() };
}
