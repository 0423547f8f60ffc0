// The shell's proposals for a word, besides those of the parser: profiles, and nouns, operations and parameters of the API.

import { findNamed, parametersOf } from './clients/description.ts';
import { listProfiles } from './clients/profiles.ts';
import { mayBeOperation, untaken } from './operations/commands.ts';

/** The proposals. */
interface Proposals {
  readonly words: readonly string[];
  /** True if the parser knows further ones. */
  readonly isOwn: boolean;
}

const MAAS_WORDS = ['list', 'login', 'logout'];

/** @param line the words after `rackboot`; the last one is being typed */
export async function proposalsFor(line: readonly string[]): Promise<Proposals> {
  const [first = '', ...rest] = line;
  if (first === 'maas' && rest.length > 0) {
    const words = rest.length === 1 ? [...listProfiles(), ...MAAS_WORDS] : await ofNouns(rest.slice(1), () => true);
    return { words, isOwn: false };
  }
  if (line.length <= 1) return { words: await ofNouns(line, mayBeTyped), isOwn: true };
  // The second word is being typed, so it decides nothing yet.
  const isOperation = mayBeOperation(line.length === 2 ? [first, 'x'] : line);
  if (!isOperation) return { words: [], isOwn: true };
  const words = await ofNouns(line, () => true);
  return { words, isOwn: words.length === 0 || line.length === 2 };
}

const mayBeTyped = (noun: string): boolean => mayBeOperation([noun]);

/** Proposals for `NOUN ACTION WORD …`, of which the last one is being typed. */
async function ofNouns(line: readonly string[], isFree: (noun: string) => boolean): Promise<readonly string[]> {
  const { ownNouns } = await import('./operations/own-nouns.ts');
  const nouns = ownNouns();
  const [noun, action, ...rest] = line;
  if (line.length <= 1) return nouns.map(({ name }) => name).filter(isFree);
  const found = findNamed(nouns, noun ?? '');
  if (found === undefined) return [];
  if (line.length === 2) return untaken(found).map(({ name }) => name);
  const operation = findNamed(found.actions, action ?? '');
  if (operation === undefined || rest.length <= operation.places.length) return [];
  return parametersOf(operation).map((name) => `${name}=`);
}
