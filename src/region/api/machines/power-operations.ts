// Operations on the power of machines: switch it, query it, read its parameters.
//
// Sources: MAAS API 1.0 (`nodes/`: start, stop, query_power_state, power_parameters), 2.0
// (`machines/`: power_on, power_off, query_power_state, power_parameters).
//
// 1. A switching request is answered at once; the power follows. A query waits at most ASK_MS_MAX.
// 2. A machine that is being switched is not queried: 503, so that clients try again.
// 3. Only administrators see what a controller answered, and its address.
// 4. The answer to a switching request names the newest event of the machine (`event_id`; the
//    outcome is in a later one), and says whether the machine will be told to switch off once it
//    has started (`switches_itself_off`).

import { z } from 'zod';
import { withTimeout } from '../../../ground/clock.ts';
import type { PowerDetail } from '../../../power/detail.ts';
import { type PowerView, switchesItselfOff } from '../../life/power-life.ts';
import type { Machine } from '../../records/machine.ts';
import type { PowerTask } from '../../records/power-task.ts';
import { readingText } from '../../records/power-words.ts';
import type { AnswerOf } from '../answers/answer-types.ts';
import { type Answer, json, ONLY_USERS, refuse, refuseFor } from '../call/answer.ts';
import {
  type ApiCall,
  type ApiVersion,
  nothing,
  type Operation,
  operation,
  optionalList,
  refusedOperation,
  value,
} from '../call/operation.ts';
import { showMachine } from '../json/shown-machine.ts';
import { answerOutcome, comment, getSystemId, getUserActor, machinePaths, withMachine } from './machine-calls.ts';

/** How long a client waits for a controller, in milliseconds; the command line gives up after 15 seconds. */
const ASK_MS_MAX = 12_000;
const MACHINES_MAX = 500;
const TEXT_MAX = 400;

/** A machine that is being switched will soon be free. */
const BUSY_HEADERS = { 'Retry-After': '5' };

const TOO_MANY = refuse('rate-limit', 'You are querying the power of too many machines at once: wait a little.', {
  'Retry-After': '1',
});

/** Switches the power of the machine in the path. @param why the caller's comment */
export async function switchPower(call: ApiCall, task: PowerTask, why: string | undefined): Promise<Answer> {
  if (call.caller.kind !== 'user') return refuse('not-allowed', ONLY_USERS);
  const outcome = await call.region.life.switchPower(getSystemId(call), task, getUserActor(call, why));
  return answerOutcome(
    outcome,
    async ({ machine }) =>
      json({
        ...showMachine(call, machine),
        event_id: await newestEventId(call, machine),
        switches_itself_off: switchesItselfOff(machine),
      }),
    (refusal) => refuseFor([refusal], refusal.name === 'power-busy' ? BUSY_HEADERS : undefined),
  );
}

const newestEventId = async ({ region }: ApiCall, { systemId }: Machine) =>
  (await region.store.listEvents({ machines: { systemIds: [systemId] }, limit: 1 }))[0]?.id ?? 0;

const onParameters = z.object({ comment });
const powerOnParameters = onParameters.extend({
  user_data: value(
    z.literal('', 'A machine gets user data with its deployment: omit user_data, or give it to `deploy`.'),
  )
    .optional()
    .describe('Refused: a machine gets user data with its deployment.'),
});
const offParameters = z.object({
  comment,
  stop_mode: value(z.enum(['hard', 'soft'], 'Give hard or soft.'))
    .optional()
    .describe('`hard`: cut the power; `soft`: ask the system to shut down.'),
});

const viewJson = (view: PowerView, isAdmin = false): AnswerOf<'powerState'> => ({
  state: view.state,
  age: view.ageSeconds ?? null,
  text: readingText(view, isAdmin).slice(0, TEXT_MAX),
});

const unknownBecause = (detail: PowerDetail): PowerView => ({
  state: 'unknown',
  atMs: undefined,
  ageSeconds: undefined,
  detail,
});

async function queryState(call: ApiCall, machine: Machine): Promise<Answer> {
  const { region } = call;
  if (region.power === undefined || region.power.switches(machine) === 'nothing') {
    return json(viewJson(unknownBecause({ code: 'by-hand', params: {} })));
  }
  if (machine.powerTask !== undefined) {
    return refuse(
      'power-busy',
      `The power of ${machine.hostname} is being switched: try again when that has ended.`,
      BUSY_HEADERS,
    );
  }
  const [by, isAdmin] = call.caller.kind === 'user' ? [call.caller.username, call.caller.isAdmin] : ['', false];
  const answerView = (view: PowerView) => json(viewJson(view, isAdmin));
  const question = region.power.ask(machine, by);
  if (question === undefined) return TOO_MANY;
  const params = { seconds: ASK_MS_MAX / 1000 };
  const late = () => unknownBecause({ code: 'no-answer', params });
  const failed = (): Answer => refuse('internal-error', 'The power could not be queried.');
  return await withTimeout(region.clock, ASK_MS_MAX, question, late).then(answerView, failed);
}

const many = z.object({ id: optionalList(MACHINES_MAX, 'Only machines with these system ids.') });

async function manyPowerParameters(call: ApiCall, input: z.output<typeof many>) {
  const machines = await call.region.store.listMachines({ systemIds: input.id }, 0, MACHINES_MAX);
  return json(Object.fromEntries(machines.map((machine) => [machine.systemId, machine.powerParameters])));
}

const switching =
  (task: PowerTask) =>
  (call: ApiCall, { comment: why }: z.output<typeof onParameters>) =>
    switchPower(call, task, why);

/** Switching. In 1.0 that is `stop`, and `start`, which also deploys and so is in `life-operations.ts`. */
function defineSwitchingOperations(version: ApiVersion): readonly Operation[] {
  const { isOld, one } = machinePaths(version);
  const off = operation(
    one,
    isOld ? 'POST stop' : 'POST power_off',
    'user',
    'machine',
    'Switch a machine off. The answer does not wait for it.',
    offParameters,
    (call, input) => switchPower(call, input.stop_mode === 'soft' ? 'soft-off' : 'off', input.comment),
  );
  if (isOld) return [off];
  return [
    off,
    operation(
      one,
      'POST power_on',
      'user',
      'machine',
      'Switch a machine on. The answer does not wait for it.',
      powerOnParameters,
      switching('on'),
    ),
    operation(
      one,
      'POST power_cycle',
      'user',
      'machine',
      'Switch a machine off and on again. The answer does not wait for it. Not idempotent: each call restarts it.',
      onParameters,
      switching('cycle'),
    ),
  ];
}

function definePowerReadOperations(version: ApiVersion): readonly Operation[] {
  const { one, all } = machinePaths(version);
  return [
    operation(
      one,
      'GET query_power_state',
      'user',
      'powerState',
      'Ask the power controller of a machine for its state: `on`, `off`, `unknown` or `error`.',
      nothing,
      withMachine(queryState),
    ),
    operation(
      one,
      'GET power_parameters',
      'admin',
      'map',
      'Read the parameters of the power driver, with their secrets.',
      nothing,
      withMachine((_call, machine) => json(machine.powerParameters)),
    ),
    operation(
      all,
      'GET power_parameters',
      'admin',
      'map',
      'Read the parameters of the power drivers of several machines, with their secrets, by system id.',
      many,
      manyPowerParameters,
    ),
  ];
}

/** Power operations, in both versions. */
export const POWER_OPERATIONS: readonly Operation[] = [
  ...(['2.0', '1.0'] as const).flatMap((version) => [
    ...defineSwitchingOperations(version),
    ...definePowerReadOperations(version),
  ]),
  refusedOperation(
    { ...machinePaths('2.0').all, method: 'POST', access: 'admin' },
    'add_chassis',
    'Refused: machines enlist, or each is added.',
    refuse(
      'bad-request',
      'Rackboot does not ask a chassis for its machines: boot them from the network, or add each with POST machines/.',
    ),
  ),
];
