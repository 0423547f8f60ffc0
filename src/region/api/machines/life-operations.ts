// The operations that move a machine through its life cycle, under the names of each MAAS API version.
//
// Sources: MAAS API 1.0 (`nodes/`: start, release, accept, abort_operation …) and 2.0 (`machines/`:
// deploy, release, abort …). Allocation is in `allocate-operation.ts`, the parameters of a
// deployment in `deploy-calls.ts`.
//
// 1. An operation answers at once with the machine in its new state; power is switched afterwards.
// 2. `life/commands.ts` decides whether a command is allowed, and to whom. This file only translates.
// 3. A command for several machines is applied to all of them or to none. An unknown id is a bad
//    request, a machine that is already done is not an error. A machine that is named several times
//    counts once. Nothing is written, and no machine is read whole, before all are known to exist
//    and their outlines allow the command: a refused request costs one query.

import { z } from 'zod';
import { type Actor, type CommandRefusal, type MachineCommand, refuseCommand } from '../../life/commands.ts';
import type { CommandOptions, MachineLife } from '../../life/machine-life.ts';
import type { MachineChangeOutcome } from '../../records/decisions.ts';
import type { MachineStatus } from '../../records/lifecycle.ts';
import type { Machine, MachineOutline } from '../../records/machine.ts';
import { COMMAND_NAMES, COMMANDS, operationName } from '../../records/machine-commands.ts';
import { transactOrUndo } from '../../records/undo.ts';
import { type Answer, combineOrRefuse, isRefusal, json, refuseFor, refuseMachines } from '../call/answer.ts';
import { listFor } from '../call/long-answers.ts';
import {
  type ApiCall,
  type ApiVersion,
  flagParameter,
  isTrue,
  nothing,
  type Operation,
  operation,
  optionalList,
  ownTransaction,
  values,
} from '../call/operation.ts';
import { showMachine } from '../json/shown-machine.ts';
import {
  acquiredBridges,
  deployParameters,
  type GivenDeployment,
  judgeDeployment,
  newDeployParameters,
} from './deploy-calls.ts';
import {
  answerOutcome,
  comment,
  findMachineInPath,
  getSystemId,
  getUserActor,
  machinePaths,
  withMachine,
} from './machine-calls.ts';
import { answerMachineList } from './machine-list.ts';
import { switchPower } from './power-operations.ts';

/** Machines of one command. */
const MANY_MAX = 500;

/** The answer to a command on one machine. */
export const answerCommand = (call: ApiCall, outcome: MachineChangeOutcome<CommandRefusal>) =>
  answerOutcome(
    outcome,
    ({ machine }) => json(showMachine(call, machine)),
    (refusal) => refuseFor([refusal]),
  );

/** Gives one command to the machine of the path. */
export async function give(
  call: ApiCall,
  command: MachineCommand,
  why: string | undefined,
  options?: CommandOptions,
): Promise<Answer> {
  return answerCommand(
    call,
    await call.region.life.command(getSystemId(call), command, getUserActor(call, why), options),
  );
}

const releaseParameters = z.object({
  comment,
  erase: flagParameter('True: erase the disks first: every byte, unless quick_erase is true.'),
  quick_erase: flagParameter(
    'True: `erase` removes only the signatures that make the disks look used, which takes seconds.',
  ),
  secure_erase: flagParameter('True: `erase` overwrites every byte, even if quick_erase is true.'),
});

/** True if the request has already taken effect: clients repeat it when an answer was lost. */
const isReleased = ({ status, owner }: MachineOutline) =>
  owner === undefined && (status === 'ready' || status === 'releasing');

const isAccepted = ({ status, owner }: MachineOutline) =>
  owner === undefined && (status === 'ready' || status === 'commissioning');

/**
 * The erasure that a call asks for. As in MAAS, `erase` says whether, and the other parameters how.
 */
const chooseErasure = ({ erase, quick_erase: quick, secure_erase: secure }: z.output<typeof releaseParameters>) => {
  if (!isTrue(erase)) return undefined;
  return isTrue(quick) && !isTrue(secure) ? ('signatures' as const) : ('all' as const);
};

async function release(call: ApiCall, input: z.output<typeof releaseParameters>) {
  const erase = chooseErasure(input);
  const machine = await findMachineInPath(call);
  if (machine !== undefined && isReleased(machine)) return json(showMachine(call, machine));
  return give(call, { name: 'release', erase }, input.comment);
}

async function deploy(call: ApiCall, machine: Machine, input: GivenDeployment): Promise<Answer> {
  // In API 1.0, `start` also switches on a deployed machine.
  if (call.version === '1.0' && machine.status === 'deployed') return switchPower(call, 'on', input.comment);
  const checked = combineOrRefuse(...(await judgeDeployment(call, machine, input)));
  if (isRefusal(checked)) return checked;
  const [chosen, userData] = checked;
  const deployment = { ...chosen, disk: input.disk, userData };
  const bridges = acquiredBridges(input);
  const command = { name: 'deploy', deployment, bridges, agentName: input.agent_name || undefined } as const;
  return give(call, command, input.comment, { address: input.ip_address });
}

async function acceptAll(call: ApiCall) {
  const machines = await call.region.store.listMachines({ statuses: ['new'] }, 0, MANY_MAX);
  const news = machines.map(({ systemId }) => systemId);
  const options = { field: 'machines', command: { name: 'accept' }, by: getUserActor(call) } as const;
  return giveMany(call, news, options, (machine) => showMachine(call, machine));
}

const allocatedParameters = z.object({
  id: optionalList(MANY_MAX, 'Only machines with these system ids.'),
});

const acceptParameters = z.object({
  comment,
  skip_commissioning: flagParameter('True: make it Ready at once, if it cannot be commissioned.'),
});

function defineLifeOperations(version: ApiVersion): readonly Operation[] {
  const { isOld, one } = machinePaths(version);
  return [
    // Those that take only a comment.
    ...COMMAND_NAMES.filter((name) => COMMANDS[name].isOwn !== true).map((name) => {
      const { doc, oldOp } = COMMANDS[name];
      const op = (isOld ? oldOp : undefined) ?? operationName(name);
      return operation(one, `POST ${op}`, 'user', 'machine', doc, z.object({ comment }), (call, input) =>
        give(call, { name }, input.comment),
      );
    }),
    operation(
      one,
      'POST mark_broken',
      'user',
      'machine',
      COMMANDS['mark-broken'].doc,
      z.object({ comment, error_description: comment.describe('As `comment`, from clients of MAAS 1.7.') }),
      (call, input) => give(call, { name: 'mark-broken' }, input.comment || input.error_description),
    ),
    operation(one, 'POST accept', 'user', 'machine', COMMANDS.accept.doc, acceptParameters, (call, input) =>
      give(call, { name: 'accept', skipsCommissioning: isTrue(input.skip_commissioning) }, input.comment),
    ),
    operation(
      one,
      isOld ? 'POST start' : 'POST deploy',
      'user',
      'machine',
      COMMANDS.deploy.doc,
      isOld ? deployParameters : newDeployParameters,
      withMachine(deploy),
    ),
    operation(one, 'POST release', 'user', 'machine', COMMANDS.release.doc, releaseParameters, release),
  ];
}

function defineBulkLifeOperations(version: ApiVersion): readonly Operation[] {
  const { isOld, all } = machinePaths(version);
  const list = values(MANY_MAX).describe('System ids.');
  const field = isOld ? 'nodes' : 'machines';
  const ids = isOld ? z.object({ nodes: list, comment }) : z.object({ machines: list, comment });
  const idsOf = (input: z.output<typeof ids>) => ('nodes' in input ? input.nodes : input.machines);
  return [
    operation(
      ownTransaction(all),
      'POST release',
      'user',
      ['string'],
      'Release several machines. The answer names the released ones.',
      ids,
      (call, input) => {
        const by = getUserActor(call, input.comment);
        const options = { field, command: { name: 'release' }, by, isDone: isReleased } as const;
        return giveMany(call, idsOf(input), options, ({ systemId }) => systemId);
      },
    ),
    operation(
      ownTransaction(all),
      'POST accept',
      'admin',
      ['machine'],
      'Accept several New machines.',
      ids,
      (call, input) => {
        const by = getUserActor(call, input.comment);
        const options = { field, command: { name: 'accept' }, by, isDone: isAccepted } as const;
        return giveMany(call, idsOf(input), options, (machine) => showMachine(call, machine));
      },
    ),
    operation(
      ownTransaction(all),
      'POST accept_all',
      'admin',
      ['machine'],
      'Accept all New machines.',
      nothing,
      acceptAll,
    ),
    operation(
      all,
      'GET list_allocated',
      'user',
      ['machine'],
      'List the machines that the caller owns.',
      allocatedParameters,
      (call, { id }) => answerMachineList(call, { owners: [getUserActor(call).username], systemIds: id }),
    ),
  ];
}

/**
 * Machines whose commissioning has overrun its time. @param ends true: ends it, and lists those
 * that have failed by that
 */
async function checkCommissioning(call: ApiCall, ends: boolean) {
  const { region } = call;
  const overdueMachines = await region.transact(() => region.store.listOverdue(region.clock.wallTimeMs(), MANY_MAX));
  const overdue = overdueMachines.filter(({ status }) => status === 'commissioning');
  if (!ends) return json(overdue.map((machine) => showMachine(call, machine)));
  await region.life.endOverdue();
  const systemIds = overdue.map(({ systemId }) => systemId);
  const failed = { systemIds, statuses: ['failed-commissioning'] } as const;
  const machines = overdue.length === 0 ? [] : await region.store.listMachines(failed, 0, MANY_MAX);
  return json(machines.map((machine) => showMachine(call, machine)));
}

/** MAAS's words for the deployment of a machine. */
const DEPLOYMENT_WORDS: Readonly<Partial<Record<MachineStatus, string>>> = {
  deploying: 'Deploying',
  deployed: 'Deployed',
  'failed-deployment': 'Failed deployment',
};

const deploymentOf = z.object({ nodes: values(MANY_MAX).describe('System ids.') });

async function deploymentStatus(call: ApiCall, input: z.output<typeof deploymentOf>): Promise<Answer> {
  const named = [...new Set(input.nodes)];
  const machines = await call.region.store.outlineMachines(named);
  const missing = named.filter((systemId) => machines.every((machine) => machine.systemId !== systemId));
  if (missing.length > 0) return refuseMachines('nodes', missing);
  const words = machines.map(({ systemId, status }) => [systemId, DEPLOYMENT_WORDS[status] ?? 'Not in Deployment']);
  return json(Object.fromEntries(words));
}

function oldOnly(): readonly Operation[] {
  const { all } = machinePaths('1.0');
  return [
    operation(
      all,
      'GET check_commissioning',
      'admin',
      ['machine'],
      'List the machines whose commissioning has overrun its time.',
      nothing,
      (call) => checkCommissioning(call, false),
    ),
    operation(
      ownTransaction(all),
      'POST check_commissioning',
      'admin',
      ['machine'],
      'End overrun work now, as the region does every few seconds, and list the machines whose commissioning has failed by that.',
      nothing,
      (call) => checkCommissioning(call, true),
    ),
    operation(
      all,
      'GET deployment_status',
      'user',
      'map',
      'Read how far the deployment of machines is: Deployed, Deploying, Failed deployment or Not in Deployment, by system id.',
      deploymentOf,
      deploymentStatus,
    ),
  ];
}

/** Life cycle operations, in both versions. */
export const LIFE_OPERATIONS: readonly Operation[] = (['2.0', '1.0'] as const).flatMap((version) => [
  ...defineLifeOperations(version),
  ...defineBulkLifeOperations(version),
  ...(version === '1.0' ? oldOnly() : []),
]);

/** Changed machines that are read at a time. */
const ANSWERED_AT_ONCE = 50;

/**
 * Gives one command to several machines, to all of them or to none. Lists the changed machines,
 * rendered by `answer`.
 */
async function giveMany(
  call: ApiCall,
  systemIds: readonly string[],
  { field, command, by, isDone = () => false }: ManyOptions,
  answer: (machine: Machine) => unknown,
): Promise<Answer> {
  const { store } = call.region;
  const named = [...new Set(systemIds)];
  const machinesById = new Map((await store.outlineMachines(named)).map((machine) => [machine.systemId, machine]));
  const missing = named.filter((systemId) => !machinesById.has(systemId));
  if (missing.length > 0) return refuseMachines(field, missing);
  const wanted = named.flatMap((systemId) => machinesById.get(systemId) ?? []).filter((machine) => !isDone(machine));
  const done: string[] = [];
  const early = wanted.flatMap((machine) => refuseCommand(machine, command.name, by) ?? []);
  const [first, ...others] = early.length > 0 ? early : await commandAll();
  if (first !== undefined) return refuseFor([first, ...others]);
  return listFor(call, answers());

  function commandAll() {
    return transactOrUndo<readonly CommandRefusal[]>(call.region, async (undo) => {
      const systemIds = wanted.map(({ systemId }) => systemId);
      const outcomes = await call.region.life.commandAll(systemIds, command, by);
      const refused = outcomes.flatMap((outcome) => (outcome.kind === 'refuse' ? [outcome.refusal] : []));
      if (refused.length > 0) throw undo(refused);
      done.splice(0, done.length, ...systemIds.filter((_, index) => outcomes[index]?.kind === 'changed'));
      return [];
    });
  }

  // A few at a time: hundreds of whole machines would take much memory.
  async function* answers(): AsyncGenerator<unknown, void> {
    for (let index = 0; index < done.length; index += ANSWERED_AT_ONCE) {
      const systemIds = done.slice(index, index + ANSWERED_AT_ONCE);
      for (const machine of await store.listMachines({ systemIds }, 0, ANSWERED_AT_ONCE)) yield await answer(machine);
    }
  }
}

interface ManyOptions {
  readonly field: 'machines' | 'nodes';
  readonly command: Parameters<MachineLife['commandAll']>[1];
  readonly by: Actor;
  /** True for a machine on which the command has already taken effect. Default: none. */
  readonly isDone?: (machine: MachineOutline) => boolean;
}
