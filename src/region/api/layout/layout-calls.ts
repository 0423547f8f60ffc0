// The parts that all changes of a machine's layout share: the states in which it may be changed,
// the transaction, the answer.
//
// 1. A layout is changed only while no system uses it: otherwise a deployed system would differ
//    from the layout shown for its machine. For a machine that somebody else deployed, a person
//    records the network that its system has.
// 2. A change is one transaction. It is refused whole, or stored whole with its addresses.

import type { MachineAddress } from '../../../machines/machine.ts';
import type { LayoutRefusal } from '../../layout/network-draft.ts';
import { lockedText } from '../../life/commands.ts';
import type { ChangeKnowledge, ChangeQuestion } from '../../records/knowledge.ts';
import { type MachineStatus, statusRow } from '../../records/lifecycle.ts';
import type { Machine } from '../../records/machine.ts';
import type { MachineLayout } from '../../records/machine-layout.ts';
import { refusal } from '../../records/refusal.ts';
import { cleanWords } from '../../records/text-json.ts';
import { type Answer, refuseFields, refuseFor } from '../call/answer.ts';
import { type ApiCall, eventBy } from '../call/operation.ts';
import { answerOutcome, getSystemId } from '../machines/machine-calls.ts';

/** The states of a machine whose layout no system uses. */
export const CHANGEABLE: readonly MachineStatus[] = [
  'new',
  'ready',
  'reserved',
  'allocated',
  'broken',
  'failed-commissioning',
  'failed-testing',
  'failed-deployment',
];

const NAME_SHOWN_MAX = 64;

/** The name that a caller gives to a part of a machine, for a refusal. */
export const shownName = (named = ''): string => cleanWords(named, NAME_SHOWN_MAX);

export interface LayoutChange {
  readonly kind: 'layout';
  /** `undefined`: as commissioned. */
  readonly layout: MachineLayout | undefined;
  /** The reported hardware; undefined: it stays. */
  readonly facts?: Machine['facts'];
  /** The machine's addresses; undefined: they stay. */
  readonly addresses?: readonly MachineAddress[] | undefined;
  /** Its interfaces; undefined: they stay. */
  readonly interfaces?: Machine['interfaces'] | undefined;
}

/** The part that is changed; `tags` are labels for people and affect nothing. */
type LayoutPart = 'network' | 'disks' | 'tags';

/** @param states the names of those in which a layout can be changed */
export const layoutInUseText = (machine: string, state: string, states: readonly string[]): string =>
  `${machine} is ${state}: its network and disks can be changed while it is ${states.join(', ')}.`;

export function refuseState(
  { status, hostname, systemId, isLocked, device, release }: Machine,
  part: LayoutPart,
): LayoutRefusal | undefined {
  if (isLocked === true) {
    return { kind: 'refuse', refusal: refusal('machine-locked', lockedText(hostname, systemId)) };
  }
  // Nothing depends on the layout of a device.
  if (device !== undefined || part === 'tags' || CHANGEABLE.includes(status)) return undefined;
  // Every deployment of our own has a release.
  if (part === 'network' && status === 'deployed' && release === '') return undefined;
  const states = CHANGEABLE.map((status) => statusRow(status).name);
  return {
    kind: 'refuse',
    refusal: refusal('layout-refused', layoutInUseText(hostname, statusRow(status).name, states)),
  };
}

/** A device has no disks here. */
const refuseDisks = ({ device, hostname }: Machine, part: LayoutPart): LayoutRefusal | undefined =>
  device === undefined || part !== 'disks'
    ? undefined
    : { kind: 'refuse', refusal: refusal('layout-refused', `${hostname} is a device: it has no disks here.`) };

export async function changeLayout(
  call: ApiCall,
  part: LayoutPart,
  decide: (machine: Machine, knowledge: ChangeKnowledge) => LayoutChange | LayoutRefusal | ChangeQuestion,
  answer: (machine: Machine) => Answer,
): Promise<Answer> {
  const { store, clock } = call.region;
  const atMs = clock.wallTimeMs();
  const outcome = await store.changeMachine<LayoutRefusal>(getSystemId(call), atMs, (machine, knowledge) => {
    const decided = refuseState(machine, part) ?? refuseDisks(machine, part) ?? decide(machine, knowledge);
    if (decided.kind === 'refuse') return { kind: 'refuse', refusal: decided };
    if (decided.kind === 'ask') return decided;
    const { layout, facts, addresses, interfaces } = decided;
    return {
      kind: 'change',
      fields: { layout, ...(facts === undefined ? {} : { facts }) },
      addresses,
      interfaces,
      events: [eventBy(call, 'NODE', { code: 'machine-edited', params: { fields: [part] } })],
    };
  });
  const changed = async (machine: Machine) => {
    await call.region.machinesChanged();
    return answer(machine);
  };
  return answerOutcome(outcome, ({ machine }) => changed(machine), answerRefusal);
}

const answerRefusal = ({ field, refusal: word }: LayoutRefusal): Answer =>
  field === undefined ? refuseFor([word]) : refuseFields({ [field]: [word] });
