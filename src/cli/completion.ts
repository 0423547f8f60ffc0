// Shell completions that the parser does not know: profiles, and the API's nouns, operations and parameters.

import { findNamed, type Noun, parametersOf } from './clients/description.ts';
import { listProfiles } from './clients/profiles.ts';
import { mayBeOperation, untaken } from './operations/commands.ts';

interface Proposals {
  readonly words: readonly string[];
  /** True if the parser may know more. */
  readonly asksParser: boolean;
}

const MAAS_WORDS = ['list', 'login', 'logout'];

/** @param line the words after `rackboot`; the last one is being typed */
export async function proposalsFor(line: readonly string[]): Promise<Proposals> {
  const [first = '', ...rest] = line;
  if (line.at(-2) === '--profile') return { words: listProfiles(), asksParser: false };
  if (first === 'maas' && rest.length > 0) {
    const words = rest.length === 1 ? [...listProfiles(), ...MAAS_WORDS] : await proposeOperations(rest.slice(1), ALL);
    return { words, asksParser: false };
  }
  if (line.length <= 1) return { words: await proposeOperations(line, TYPED), asksParser: true };
  // A second word that is still being typed decides nothing yet.
  const isOperation = mayBeOperation(line.length === 2 ? [first, 'x'] : line);
  if (!isOperation) return { words: [], asksParser: true };
  const words = await proposeOperations(line, { ...ALL, actionsOf: untaken });
  return { words, asksParser: words.length === 0 || line.length === 2 };
}

/** The nouns and their actions that a line may have: a command of the same name is in the place of an action. */
interface Offer {
  readonly isOffered: (noun: string) => boolean;
  readonly actionsOf: (noun: Noun) => Noun['actions'];
}

const ALL: Offer = { isOffered: () => true, actionsOf: ({ actions }) => actions };
const TYPED: Offer = { isOffered: (noun) => mayBeOperation([noun]), actionsOf: untaken };

/** Proposals for `NOUN ACTION WORD …`, whose last word is being typed. */
async function proposeOperations(line: readonly string[], { isOffered, actionsOf }: Offer): Promise<readonly string[]> {
  const { ownNouns } = await import('./operations/own-nouns.ts');
  const nouns = ownNouns();
  const [noun, action, ...rest] = line;
  if (line.length <= 1) return nouns.map(({ name }) => name).filter(isOffered);
  const found = findNamed(nouns, noun ?? '');
  if (found === undefined) return [];
  if (line.length === 2) return actionsOf(found).map(({ name }) => name);
  const operation = findNamed(found.actions, action ?? '');
  if (operation === undefined || rest.length <= operation.places.length) return [];
  return parametersOf(operation).map((name) => `${name}=`);
}
