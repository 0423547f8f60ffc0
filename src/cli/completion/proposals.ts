// Shell completions that the parser does not know: profiles, and the API's nouns, operations and parameters.
//
// 1. The parser completes commands of Rackboot's own only: after words that it does not know it
//    proposes all commands.

import { basename } from 'node:path';
import { findByName, listParameters, type Noun } from '../clients/description.ts';
import { listProfiles } from '../clients/profiles.ts';
import { isOwnCommand, mayBeOperation, OPERATION_OPTIONS, untaken, withOwnNoun } from '../operations/commands.ts';
import { MAAS_HOST_COMMANDS } from '../terminal/named-commands.ts';
import { proposeNames } from './names.ts';

interface Proposals {
  readonly words: readonly string[];
  /** Words about which the parser may know more. */
  readonly parserLine?: readonly string[];
}

const NOTHING: Proposals = { words: [] };
const MAAS_WORDS = ['list', 'login', 'logout', 'refresh'];

/** The words after `rackboot`, or after its alias `maas`. */
export const dropProgram = (typed: readonly string[]): readonly string[] =>
  basename(typed[0] ?? '') === 'rackboot' ? typed.slice(1) : typed;

/** @param typed the words after `rackboot`; the last one is being typed */
export async function proposalsFor(typed: readonly string[]): Promise<Proposals> {
  if (typed.at(-2) === '--profile') return { words: listProfiles() };
  if (typed.length <= 1) return { words: await proposeOperations(typed, TYPED), parserLine: typed };
  if (typed[0] === 'maas') return await proposeAsMaas(typed.slice(1));
  const names = await proposeNames(typed);
  if (names !== undefined) return { words: names };
  const line = withOwnNoun(typed);
  const [first = ''] = line;
  if (first === 'logout') return proposeProfile(line);
  const isOwn = isOwnCommand(first);
  // A second word that is still being typed decides nothing yet.
  const isOperation = mayBeOperation(line.length === 2 ? [first, 'x'] : line);
  if (!isOperation) return isOwn ? { words: [], parserLine: line } : NOTHING;
  const words = await proposeOperations(line, { ...ALL, actionsOf: untaken });
  return isOwn && line.length === 2 ? { words, parserLine: line } : { words };
}

async function proposeAsMaas(line: readonly string[]): Promise<Proposals> {
  const [first = ''] = line;
  if (line.length === 1) return { words: [...listProfiles(), ...MAAS_WORDS, ...MAAS_HOST_COMMANDS] };
  if (MAAS_HOST_COMMANDS.includes(first)) return await proposalsFor(line);
  if (first === 'logout') return proposeProfile(line);
  if (MAAS_WORDS.includes(first)) return NOTHING;
  return { words: await proposeOperations(line.slice(1), OF_MAAS) };
}

const proposeProfile = (line: readonly string[]): Proposals =>
  line.length === 2 ? { words: listProfiles() } : NOTHING;

/** A command of the same name is in the place of an action. */
interface Offer {
  readonly isOffered: (noun: string) => boolean;
  readonly actionsOf: (noun: Noun) => Noun['actions'];
  readonly options: readonly string[];
}

const ALL: Offer = { isOffered: () => true, actionsOf: ({ actions }) => actions, options: OPERATION_OPTIONS };
const OF_MAAS: Offer = { ...ALL, options: ['--debug', '--help', '--insecure'] };
const TYPED: Offer = { ...ALL, isOffered: (noun) => mayBeOperation([noun]), actionsOf: untaken };

/** `NOUN ACTION WORD …`, whose last word is being typed. */
async function proposeOperations(line: readonly string[], offer: Offer): Promise<readonly string[]> {
  const { ownNouns } = await import('../operations/own-nouns.ts');
  const nouns = ownNouns();
  const [noun, action, ...rest] = line;
  if (line.length <= 1) return nouns.map(({ name }) => name).filter(offer.isOffered);
  const nounHere = findByName(nouns, noun ?? '');
  if (nounHere === undefined) return [];
  if (line.length === 2) return offer.actionsOf(nounHere).map(({ name }) => name);
  const operation = findByName(nounHere.actions, action ?? '');
  if (operation === undefined) return [];
  if (rest.at(-1)?.startsWith('-') === true) return offer.options;
  if (rest.length <= operation.pathParameters.length) return [];
  return listParameters(operation).map((name) => `${name}=`);
}
