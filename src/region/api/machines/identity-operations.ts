// Operations on the identity of machines, which MAAS does not have: show the evidence, merge,
// split, keep apart, move to another rack.

import { z } from 'zod';
import { formatMac } from '../../../ground/address.ts';
import { INTERFACES_MAX } from '../../identity/interface-source.ts';
import type { IdentityView } from '../../identity/machine-identity.ts';
import type { IdentityRefusal } from '../../identity/merge.ts';
import { doubtWords } from '../../records/events.ts';
import type { Machine } from '../../records/machine.ts';
import { formatNameAndId } from '../../records/report-refusal.ts';
import type { Region } from '../../region.ts';
import type { AnswerOf } from '../answers/answer-types.ts';
import {
  type Answer,
  isRefusal,
  json,
  NO_MACHINE,
  refuse,
  refuseField,
  refuseFields,
  refuseFor,
} from '../call/answer.ts';
import {
  type ApiCall,
  controls,
  getCallerUsername,
  macFields,
  nothing,
  type Operation,
  operation,
  optionalText,
  requiredText,
  value,
} from '../call/operation.ts';
import { showMachine } from '../json/shown-machine.ts';
import { answerCommand } from './life-operations.ts';
import { answerOutcome, getSystemId, machinePaths, withMachine } from './machine-calls.ts';

const answerRefusal = (refusal: IdentityRefusal, field: string): Answer =>
  refusal.name === 'invalid-parameters' ? refuseFields({ [field]: [refusal] }) : refuseFor([refusal]);

const other = z.object({
  other: value(z.string().regex(/^[0-9a-z]{1,32}$/, 'is not a system id'))
    .describe('The system id of the other machine.')
    .register(controls, { label: 'Its system id' }),
});

async function merge(call: ApiCall, input: z.output<typeof other>): Promise<Answer> {
  const outcome = await call.region.identity.merge(getSystemId(call), input.other, getCallerUsername(call));
  return answerOutcome(
    outcome,
    ({ machine }) => json(showMachine(call, machine)),
    (refusal) => answerRefusal(refusal, 'other'),
  );
}

const interfaces = z.object({
  mac_addresses: macFields(INTERFACES_MAX).describe(
    'The hardware addresses of the new machine; repeated or separated by commas.',
  ),
});

async function split(call: ApiCall, input: z.output<typeof interfaces>): Promise<Answer> {
  const outcome = await call.region.identity.split(getSystemId(call), input.mac_addresses, getCallerUsername(call));
  return answerOutcome(
    outcome,
    ({ made }) => json(showMachine(call, made)),
    (refusal) => answerRefusal(refusal, 'mac_addresses'),
  );
}

async function keepApart(call: ApiCall, input: z.output<typeof other>): Promise<Answer> {
  const isKnown = await call.region.identity.keepApart(getSystemId(call), input.other, getCallerUsername(call));
  if (isKnown) return await identity(call);
  const itself = input.other === getSystemId(call) ? await call.region.store.findMachine(input.other) : undefined;
  if (itself === undefined) return NO_MACHINE;
  return refuseField(
    'other',
    `${formatNameAndId({ name: itself.hostname, systemId: itself.systemId })} cannot be kept apart from itself`,
  );
}

function identityJson({ machine, lines, conflicts }: IdentityView, region: Region): AnswerOf<'identity'> {
  return {
    system_id: machine.systemId,
    home: region.racks.homes.racksAt(machine.home).map(({ name }) => name),
    is_vouched: machine.vouchedMac !== undefined,
    power_is_proposed: machine.powerIsProposed === true,
    evidence: lines.map((line) => ({
      kind: line.kind,
      value: typeof line.value === 'number' ? formatMac(line.value) : line.value,
      is_shared: line.isShared,
      is_portable: line.isPortable,
      is_vouched: line.isVouched,
    })),
    conflicts: conflicts.map((conflict) => ({
      system_id: conflict.systemId,
      other: conflict.otherId,
      text: doubtWords(conflict.why),
    })),
  };
}

async function identity(call: ApiCall): Promise<Answer> {
  const view = await call.region.identity.view(getSystemId(call));
  return view === undefined ? NO_MACHINE : json(identityJson(view, call.region));
}

const destination = z.object({
  rack: requiredText(64, 'The name or UUID of the rack.'),
  network: optionalText(
    64,
    'The name of one of its networks, or the network as 10.20.0.0/24. Default: the first that only this rack serves.',
  ),
});

function findRackOrRefuse({ region }: ApiCall, named: string) {
  const racks = region.racks.list();
  return (
    racks.find(({ uuid }) => uuid === named.toLowerCase()) ??
    racks.find(({ name, state }) => name === named && state === 'accepted') ??
    refuseField('rack', 'No accepted rack has this name or UUID.')
  );
}

async function move(call: ApiCall, input: z.output<typeof destination>): Promise<Answer> {
  const rack = findRackOrRefuse(call, input.rack);
  if (isRefusal(rack)) return rack;
  const outcome = await call.region.racks.homes.move(getSystemId(call), rack, getCallerUsername(call), input.network);
  return answerCommand(call, outcome);
}

/** The key of the machine, as it is: asking makes none. */
async function token(call: ApiCall, machine: Machine): Promise<Answer> {
  const key = await call.region.store.life.machineKey(machine.systemId);
  if (key === undefined) return json(null);
  return json({ token_key: key.tokenKey, token_secret: key.tokenSecret, consumer_key: key.consumerKey });
}

const curtinConfig = (_call: ApiCall, { hostname }: Machine): Answer =>
  refuse(
    'bad-request',
    `${hostname} is deployed without curtin, so there is no configuration for it: preseeds and the layout of its disks and interfaces decide.`,
  );

const { one } = machinePaths('2.0');

/** Merge, split and move, and the evidence to decide on them. */
export const IDENTITY_OPERATIONS: readonly Operation[] = [
  operation(
    one,
    'GET identity',
    'user',
    'identity',
    'Read the evidence that identifies this machine, and which other machines may be the same.',
    nothing,
    identity,
  ),
  operation(
    one,
    'POST merge',
    'admin',
    'machine',
    'Merge two machines into one. This one stays and takes the interfaces, events and newer hardware facts of the other, ' +
      'which is removed. A machine in use is never removed.',
    other,
    merge,
  ),
  operation(
    one,
    'POST split',
    'admin',
    'machine',
    'Split some interfaces of this machine off into a New one, which is the answer.',
    interfaces,
    split,
  ),
  operation(
    one,
    'POST keep_apart',
    'admin',
    'identity',
    'Record that this machine and another are two different machines, despite any evidence they share.',
    other,
    keepApart,
  ),
  operation(
    one,
    'POST move',
    'admin',
    'machine',
    'Set the home of this machine: a rack and one of its networks. This rack, and every other that serves the network, boots the machine ' +
      'there, and the region believes their reports about it.',
    destination,
    move,
  ),
  operation(
    one,
    'GET get_token',
    'admin',
    'machineKey|null',
    'Read the API key with which the machine asks for its metadata while it is at work; null if it has none.',
    nothing,
    withMachine(token),
  ),
  operation(
    one,
    'GET get_curtin_config',
    'admin',
    'refusal',
    'Refused: no deployment uses curtin.',
    nothing,
    withMachine(curtinConfig),
  ),
];
