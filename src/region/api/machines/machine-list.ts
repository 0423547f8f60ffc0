// Lists of machines as answers: read from the store a few at a time, and rendered one at a time.

import { createBasisReader, type MachinePlacement, readPlacement } from '../../life/machine-placement.ts';
import type { MachineFilter } from '../../records/filters.ts';
import type { Machine } from '../../records/machine.ts';
import { machineChunks } from '../../records/machine-chunks.ts';
import type { StampedMachines } from '../../records/store.ts';
import type { Region } from '../../region.ts';
import type { Answer } from '../call/answer.ts';
import { listFor } from '../call/long-answers.ts';
import type { ApiCall } from '../call/operation.ts';
import { type MachineText, MachineTexts, renderListEntry } from '../json/machine-texts.ts';
import { showMachine } from '../json/shown-machine.ts';

/**
 * Machines read at a time. Each list under way holds this many in memory, with at most 32 KiB of
 * facts each.
 */
export const LIST_CHUNK = 50;

type IsWanted = (machine: Machine, where: MachinePlacement) => boolean;

/** The machines that pass the filter and `isWanted` (default: all of them), in the order of their ids. */
export function answerMachineList(call: ApiCall, filter: MachineFilter, isWanted?: IsWanted): Answer {
  return listFor(
    call,
    isWanted === undefined && call.version === '2.0'
      ? shownByText(call, filter)
      : streamShownMachines(call, filter, isWanted),
  );
}

/** The machines that pass the filter, in the order of their ids. */
export const machineEntries = (call: ApiCall, filter: MachineFilter): AsyncGenerator<unknown, void> =>
  shownByText(call, filter);

async function* streamShownMachines(
  call: ApiCall,
  filter: MachineFilter,
  isWanted: IsWanted = () => true,
): AsyncGenerator<unknown, void> {
  for await (const machines of machineChunks(call.region.store, filter, LIST_CHUNK)) {
    const where = readPlacement(call.region);
    for (const machine of machines) yield isWanted(machine, where) ? showMachine(call, machine, where) : undefined;
  }
}

const texts = new WeakMap<Region, MachineTexts>();

function getMachineTexts(region: Region) {
  const machineTexts = texts.get(region) ?? new MachineTexts(region.clock);
  texts.set(region, machineTexts);
  return machineTexts;
}

/** A part of a list, with the texts that were kept. */
interface TextsRead {
  readonly part: StampedMachines;
  readonly known: ReadonlyMap<number, MachineText>;
  readonly where: MachinePlacement;
  readonly basis: string;
}

async function* shownByText({ region }: ApiCall, filter: MachineFilter): AsyncGenerator<unknown, void> {
  const machineTexts = getMachineTexts(region);
  const basisNow = createBasisReader(region);
  const read = async (afterId: number): Promise<TextsRead> => {
    const [where, basis] = [readPlacement(region), basisNow()];
    // Held from now on: it may be forgotten before the store has answered.
    const textsById = new Map<number, MachineText>();
    const isKnown = (id: number, stamp: string) => {
      const text = machineTexts.find(id, stamp, basis);
      if (text !== undefined) textsById.set(id, text);
      return text !== undefined;
    };
    return { part: await region.store.listStamped(filter, afterId, isKnown), known: textsById, where, basis };
  };
  let next: Promise<TextsRead> | undefined = read(0);
  while (next !== undefined) {
    const textsRead: TextsRead = await next;
    const { known, where, basis } = textsRead;
    const { machines, lastId }: StampedMachines = textsRead.part;
    // The store answers while these are sent, unless it has many to read.
    const isAhead = machines.every(({ machine }) => machine === undefined);
    next = isAhead && lastId !== undefined ? read(lastId) : undefined;
    next?.catch(() => undefined);
    for (const { id, stamp, machine } of machines) {
      const text = machine === undefined ? known.get(id) : machineTexts.make(machine, stamp, where, basis);
      if (text !== undefined)
        yield renderListEntry(text, region.clock.wallTimeMs(), region.power?.reading(text.systemId));
    }
    if (!isAhead && lastId !== undefined) next = read(lastId);
  }
}
