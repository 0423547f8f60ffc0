// Operations that commission and test machines, and the results of the checks and scripts, with their output.
//
// Sources: MAAS's operations `commissionMachine` and `test`, and `nodes/{system_id}/results/` of
// API 2.0 with its numbers of states and types.
//
// 1. Output is Base64 in JSON, as MAAS's clients expect; `op=download` returns it as it is.

import { z } from 'zod';
import type { Machine } from '../../records/machine.ts';
import { COMMANDS } from '../../records/machine-commands.ts';
import {
  type ScriptHardware,
  type ScriptKind,
  type ScriptResult,
  summarizeRunStatus,
} from '../../records/script-store.ts';
import { cleanWords } from '../../records/text-json.ts';
import { getDefaultMarks, passes } from '../../scripts/script-run.ts';
import { HARDWARE_FORM, parseHardware } from '../../scripts/script-text.ts';
import type { AnswerOf } from '../answers/answer-types.ts';
import {
  type Answer,
  combineOrRefuse,
  isRefusal,
  json,
  plainText,
  type Refusal,
  refuse,
  refuseField,
} from '../call/answer.ts';
import { listFor } from '../call/long-answers.ts';
import {
  type ApiCall,
  flagParameter,
  isTrue,
  notDoneText,
  type Operation,
  operation,
  optionalList,
  optionalText,
} from '../call/operation.ts';
import { STATUS_ROWS } from '../json/machine-json.ts';
import {
  chooseScriptNames,
  commissioningFields,
  commissioningScripts,
  enableSsh,
  openSsh,
  refuseSkips,
  refuseSsh,
  testingScripts,
} from '../machines/commissioning-calls.ts';
import { give } from '../machines/life-operations.ts';
import { comment, machinePaths, withMachine } from '../machines/machine-calls.ts';
import { formatEventTime } from '../site/event-operations.ts';

const NAMES_MAX = 100;
const TYPES: Readonly<Record<ScriptKind, readonly [number, string]>> = {
  commissioning: [0, 'Commissioning'],
  testing: [2, 'Testing'],
};
const CURRENT = /^current-(commissioning|testing)$/;

const seconds = (ms: number | undefined) => (ms === undefined ? null : ms / 1000);
const moment = (ms: number | undefined) => (ms === undefined ? null : formatEventTime(ms));

function runtime({ startedMs, endedMs }: Pick<ScriptResult, 'startedMs' | 'endedMs'>) {
  if (startedMs === undefined || endedMs === undefined) return '';
  const whole = Math.max(0, Math.round((endedMs - startedMs) / 1000));
  const two = (number: number) => String(number).padStart(2, '0');
  return `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
}

function resultJson(result: ScriptResult, withOutput: boolean): AnswerOf<'scriptResult'> {
  const [status, statusName] = STATUS_ROWS[result.status];
  const output = Buffer.from(result.output).toString('base64');
  return {
    id: result.id,
    name: result.name,
    kind: result.kind,
    status,
    status_name: statusName,
    exit_status: result.exitStatus ?? null,
    started: moment(result.startedMs),
    ended: moment(result.endedMs),
    starttime: seconds(result.startedMs),
    endtime: seconds(result.endedMs),
    runtime: runtime(result),
    estimated_runtime: '',
    timeout_seconds: result.timeoutSeconds,
    output_bytes: result.outputBytes,
    created: moment(result.startedMs),
    updated: moment(result.endedMs ?? result.startedMs),
    parameters: {},
    script_id: null,
    script_revision_id: null,
    suppressed: false,
    interface: null,
    physical_blockdevice: null,
    ...(withOutput ? { output, stdout: output, stderr: '', result: '' } : {}),
  };
}

/** @param first the first of the results */
function runJson(first: ScriptResult, results: readonly ScriptResult[], withOutput: boolean): AnswerOf<'result'> {
  const [status, statusName] = STATUS_ROWS[summarizeRunStatus(results.map((result) => result.status)) ?? 'pending'];
  const [type, typeName] = TYPES[first.purpose];
  const starts = results.flatMap(({ startedMs }) => startedMs ?? []);
  const ends = results.flatMap(({ endedMs }) => endedMs ?? []);
  const startedMs = starts.length === 0 ? undefined : Math.min(...starts);
  const endedMs = ends.length < results.length ? undefined : Math.max(...ends);
  return {
    id: first.run,
    system_id: first.systemId,
    type,
    type_name: typeName,
    last_ping: moment(ends.length + starts.length === 0 ? undefined : Math.max(...starts, ...ends)),
    status,
    status_name: statusName,
    started: moment(startedMs),
    ended: moment(endedMs),
    runtime: runtime({ startedMs, endedMs }),
    results: results.map((result) => resultJson(result, withOutput)),
    resource_uri: `/MAAS/api/2.0/nodes/${first.systemId}/results/${first.run}/`,
  };
}

const include = flagParameter('True: include the output, in Base64.');
const kindOfHardware = optionalText(
  64,
  'Only scripts for this kind of hardware: node, cpu, memory, storage, network or gpu.',
);
/** The kind of hardware in a filter; `undefined`: all. */
export const parseHardwareType = (text: string | undefined): ScriptHardware | Refusal | undefined =>
  text === undefined || text === '' ? undefined : (parseHardware(text) ?? refuseField('hardware_type', HARDWARE_FORM));

/** How MAAS's clients ask for what Rackboot has only as one text. */
const downloadForms = {
  hardware_type: kindOfHardware,
  filetype: optionalText(64, '`txt`: there are no archives.'),
  output: optionalText(64, '`combined`: outputs and errors of a script are one text.'),
};

interface GivenForms {
  readonly hardware_type?: string | undefined;
  readonly filetype?: string | undefined;
  readonly output?: string | undefined;
}

function refuseForms(input: GivenForms) {
  const { filetype = 'txt', output = 'combined' } = input;
  const isServed = {
    filetype: filetype === '' || filetype === 'txt',
    output: output === '' || output === 'combined',
  };
  const names = (['filetype', 'output'] as const).filter((name) => !isServed[name]);
  const checked = combineOrRefuse(
    ...names.map((name) => refuseField(name, notDoneText(name))),
    parseHardwareType(input.hardware_type),
  );
  return isRefusal(checked) ? checked : undefined;
}

/**
 * The test for the results that a request chooses. A check of Rackboot itself, and a script that is
 * gone, has no tag.
 */
async function resultFilter(
  { region }: ApiCall,
  input: { readonly filters?: readonly string[] | undefined; readonly hardware_type?: string | undefined },
): Promise<(result: Pick<ScriptResult, 'name'>) => boolean> {
  const hardwareType = parseHardwareType(input.hardware_type);
  const hardware = isRefusal(hardwareType) ? undefined : hardwareType;
  if (hardware === undefined && input.filters === undefined) return () => true;
  const scriptsByName = new Map((await region.store.scripts.listScripts()).map((script) => [script.name, script]));
  return ({ name }) => passes(scriptsByName.get(name) ?? { ...getDefaultMarks(name), name }, hardware, input.filters);
}

const filters = optionalList(NAMES_MAX, 'Only scripts with these names or tags.');
const listParameters = z.object({
  type: optionalText(
    64,
    'Only runs of these types: `commissioning` (0) or `testing` (2). Rackboot keeps no runs of `installation` (1).',
  ),
  include_output: include,
  filters,
  hardware_type: kindOfHardware,
});
const readParameters = z.object({ include_output: include, filters, hardware_type: kindOfHardware });
const downloadParameters = z.object({ filters, ...downloadForms });

const TYPE_WORDS = [...Object.values(TYPES), [1, 'Installation'] as const].flatMap(([number, title]) => [
  String(number),
  title.toLowerCase(),
]);

/** The types in a parameter; `undefined`: all. */
const typesIn = (text: string | undefined): readonly string[] | undefined =>
  text === undefined || text === '' ? undefined : text.split(',').map((word) => word.trim().toLowerCase());

function refuseType(text: string | undefined) {
  const strange = typesIn(text)?.find((word) => !TYPE_WORDS.includes(word));
  return strange === undefined
    ? undefined
    : refuseField('type', `'${cleanWords(strange, 40)}' is not a type of results: give ${TYPE_WORDS.join(', ')}.`);
}

async function answerResults(call: ApiCall, machine: Machine, input: z.output<typeof listParameters>): Promise<Answer> {
  const checked = combineOrRefuse(refuseForms(input), refuseType(input.type));
  if (isRefusal(checked)) return checked;
  const wanted = typesIn(input.type);
  const withOutput = isTrue(input.include_output);
  const isChosen = await resultFilter(call, input);
  const { scripts } = call.region.store;
  const all = await scripts.listResults(machine.systemId, { withOutput: false });
  const runs = [...new Set(all.map(({ run }) => run))];
  return listFor(call, runsOf());

  // One run at a time: the output of scripts can be large.
  async function* runsOf(): AsyncGenerator<unknown, void> {
    for (const run of runs) {
      const results = (await scripts.listResults(machine.systemId, { run, withOutput })).filter(isChosen);
      const [first] = results;
      if (first === undefined) continue;
      const [number, title] = TYPES[first.purpose];
      const isWanted = wanted?.some((word) => word === String(number) || word === title.toLowerCase()) ?? true;
      if (isWanted) yield runJson(first, results, withOutput);
    }
  }
}

async function findRun(call: ApiCall, machine: Machine, withOutput: boolean) {
  const { scripts } = call.region.store;
  const wanted = call.path.id ?? '';
  if (/^\d{1,15}$/.test(wanted))
    return await scripts.listResults(machine.systemId, { run: Number(wanted), withOutput });
  const purpose = CURRENT.exec(wanted)?.[1];
  if (purpose === undefined) return [];
  const previous = (await scripts.listResults(machine.systemId, { withOutput: false })).find(
    (result) => result.purpose === purpose,
  );
  return previous === undefined ? [] : await scripts.listResults(machine.systemId, { run: previous.run, withOutput });
}

const noRun = () =>
  refuse('not-found', 'This machine has no such run: give an id, current-commissioning or current-testing.');

async function answerResult(call: ApiCall, machine: Machine, input: z.output<typeof readParameters>): Promise<Answer> {
  const refused = refuseForms(input);
  if (refused !== undefined) return refused;
  const withOutput = isTrue(input.include_output);
  const results = (await findRun(call, machine, withOutput)).filter(await resultFilter(call, input));
  const [first] = results;
  return first === undefined ? noRun() : json(runJson(first, results, withOutput));
}

async function download(call: ApiCall, machine: Machine, input: z.output<typeof downloadParameters>): Promise<Answer> {
  const refused = refuseForms(input);
  if (refused !== undefined) return refused;
  const results = (await findRun(call, machine, true)).filter(await resultFilter(call, input));
  const [first] = results;
  if (first === undefined) return noRun();
  const text =
    results.length === 1
      ? first.output
      : results.map(({ name, output }) => `==== ${name} ====\n${output.replace(/(?<=[^\n])$/, '\n')}`).join('\n');
  return plainText(text);
}

const commissionParameters = z.object({ comment, ...commissioningFields });
/** The parameters that only API 1.0 has. */
const oldCommissionParameters = commissionParameters.extend({
  block_poweroff: flagParameter('Must be false: with enable_ssh a machine stays on if its commissioning fails.'),
});

type GivenCommissioning = z.output<typeof oldCommissionParameters>;

const wishes = async (call: ApiCall, machine: Machine, input: GivenCommissioning) =>
  [
    await commissioningScripts(call, input),
    ...refuseSkips(machine, input),
    isTrue(input.block_poweroff) ? refuseField('block_poweroff', notDoneText('block_poweroff')) : undefined,
    await refuseSsh(call, machine, input.enable_ssh),
  ] as const;

async function commissionMachine(call: ApiCall, machine: Machine, input: GivenCommissioning): Promise<Answer> {
  const checked = combineOrRefuse(...(await wishes(call, machine, input)));
  if (isRefusal(checked)) return checked;
  const [{ scripts }] = checked;
  return await openSsh(call, machine, input, await give(call, { name: 'commission', scripts }, input.comment));
}

const testParameters = z.object({ comment, testing_scripts: testingScripts, enable_ssh: enableSsh });

async function test(call: ApiCall, machine: Machine, input: z.output<typeof testParameters>): Promise<Answer> {
  const checked = combineOrRefuse(
    await chooseScriptNames(call, 'testing', input.testing_scripts),
    await refuseSsh(call, machine, input.enable_ssh),
  );
  if (isRefusal(checked)) return checked;
  const [scripts] = checked;
  return await openSsh(call, machine, input, await give(call, { name: 'test', scripts }, input.comment));
}

const runs = {
  versions: ['2.0'],
  path: 'nodes/{system_id}/results',
  handler: 'NodeScriptResultsHandler',
} as const;
const run = { ...runs, path: 'nodes/{system_id}/results/{id}', handler: 'NodeScriptResultHandler' } as const;
const LIST = 'List the results of script runs on a machine, newest first.';
const READ = 'Read one run: by its id, or `current-commissioning` or `current-testing`.';
const DOWNLOAD = 'Read the output of the scripts of a run.';
const { one: machine } = machinePaths('2.0');

/** Runs and their results. */
export const RESULT_OPERATIONS: readonly Operation[] = [
  operation(
    machine,
    'POST commission',
    'user',
    'machine',
    COMMANDS.commission.doc,
    commissionParameters,
    withMachine(commissionMachine),
  ),
  operation(
    machinePaths('1.0').one,
    'POST commission',
    'user',
    'machine',
    COMMANDS.commission.doc,
    oldCommissionParameters,
    withMachine(commissionMachine),
  ),
  operation(machine, 'POST test', 'user', 'machine', COMMANDS.test.doc, testParameters, withMachine(test)),
  operation(runs, 'GET', 'user', ['result'], LIST, listParameters, withMachine(answerResults)),
  operation(run, 'GET', 'user', 'result', READ, readParameters, withMachine(answerResult)),
  operation(run, 'GET download', 'user', 'text', DOWNLOAD, downloadParameters, withMachine(download)),
];
