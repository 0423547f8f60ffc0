// The boot loaders, installers and environments of `rackboot images fsck`: describes the damaged ones, and imports them again.
//
// 1. A part from a source is repaired like an image: by its own files from any source, or newer ones of its own source.
// 2. For others, the problem has the command that mends it.

import { counted } from '../../counted.ts';
import { errorText, RackError } from '../../errors.ts';
import { COPY_SOURCE } from '../../images/image-store.ts';
import { type CheckedPart, originOf, partName } from '../../images/run/part-check.ts';
import { INSTALLER, LOADER } from '../../images/sources/offer.ts';
import type { ImageSource } from '../../images/sources/source.ts';
import { print, printError } from '../terminal/output.ts';
import type { KnownSources } from './boot-sources.ts';
import type { ImageTree } from './image-tree.ts';
import { importFrom } from './import.ts';
import { partNote } from './named-images.ts';

/** A damaged part after an attempt to repair it. */
export interface PartRepair {
  readonly name: string;
  /** Undefined: it was repaired. */
  readonly problem?: string | undefined;
}

interface RepairTerms extends KnownSources {
  readonly place: ImageTree;
  /** The option that names this tree in another command, after a space; empty for the configured one. */
  readonly treeWords: string;
  readonly isSilent: boolean;
}

type CheckedFile = CheckedPart['files'][number];

/** Another import can bring it back. */
export const isLost = ({ state: { kind } }: CheckedFile): boolean => kind === 'damaged' || kind === 'missing';

export function describePart(part: CheckedPart): readonly string[] {
  return part.files
    .filter(({ state }) => state.kind !== 'whole')
    .map((file) => `${fileName(part, file)} ${describeState(part, file)}`);
}

/** The path has the names of most parts in it. */
const fileName = (part: CheckedPart, { path }: CheckedFile): string =>
  part.directory === partName(part) ? path : `${path} of ${partName(part)}`;

function describeState(part: CheckedPart, { path, state, movedTo }: CheckedFile): string {
  switch (state.kind) {
    case 'damaged': {
      const why = state.found === undefined ? `it has ${counted(state.bytes, 'byte')}` : `its sha256 is ${state.found}`;
      const moved = movedTo === undefined ? '' : `; it is now ${movedTo}`;
      const stays = isPersonal(part, state) ? '; it stays, because you may have put it there' : '';
      return `is damaged: it does not match its manifest, ${why}${moved}${stays}`;
    }
    case 'missing':
      return 'is missing';
    case 'linked':
      return 'is not checked: its directory is a link; put a directory with its files in its place';
    case 'unreadable':
      return `cannot be read (${state.code}): check the disk of ${path}`;
    case 'whole':
      return 'is whole';
  }
}

/** A person may have replaced a boot loader in the top directory by this file. */
const isPersonal = ({ kind }: CheckedPart, state: CheckedFile['state']): boolean =>
  kind === 'built-in' && state.kind === 'damaged' && state.found === undefined;

export async function repairParts(lost: readonly CheckedPart[], terms: RepairTerms): Promise<readonly PartRepair[]> {
  const repairs: PartRepair[] = [];
  for (const part of lost) {
    const problem = await importPart(part, terms);
    const name = partName(part);
    repairs.push({ name, problem });
    if (terms.isSilent) continue;
    if (problem === undefined) print(`Imported ${name} again`);
    else printError(`${name} was not repaired: ${problem}`);
  }
  return repairs;
}

/** @returns undefined: it is repaired */
async function importPart(part: CheckedPart, terms: RepairTerms): Promise<string | undefined> {
  const source = originOf(part);
  if (source === undefined) {
    const own = part.files.filter(({ state }) => isPersonal(part, state)).map(({ path }) => path);
    return partNote(part, own, terms.treeWords);
  }
  if (source === COPY_SOURCE) return copiedAgain('it is a copy from the region');
  try {
    await importAgain(part, source, terms);
    return undefined;
  } catch (error) {
    return unimported(error, source, terms);
  }
}

/** @param what the beginning of the sentence */
export const copiedAgain = (what: string): string =>
  `${what}; a rack that runs copies it again within 5 minutes, unless boot.copy_images is false`;

/** Why something was not imported again from its source. @throws all but a RackError, and `cancelled` */
export function unimported(error: unknown, source: string, { sources, problem }: KnownSources): string {
  if (!(error instanceof RackError) || error.code === 'cancelled') throw error;
  if (sources.some(({ name }) => name === source)) return errorText(error);
  const unasked = problem === undefined ? '' : `; the region, which may have it, could not be asked: ${problem}`;
  return `its source ${source} is unknown here${unasked}`;
}

async function importAgain(part: CheckedPart, source: string, terms: RepairTerms): Promise<void> {
  const { place, sources, isSilent: json } = terms;
  const { architecture, release, manifest } = part;
  const { serial, fetched = [], os = '', label } = manifest;
  const names = { release, architecture, subarchitecture: 'generic', source, serial, fetched };
  const isLoader = part.kind === 'loader';
  const lost = isLoader
    ? ({ ...names, kind: 'loader', os: LOADER, label } as const)
    : ({ ...names, kind: 'installer', os, label: INSTALLER } as const);
  const mayHave = (one: ImageSource): boolean =>
    isLoader ? one.os === LOADER : one.kind === 'installer' && one.os === os;
  const asked = sources.filter((one) => one.name === source || mayHave(one));
  await importFrom(place, { lost }, asked, { json });
}
