// `rackboot maas`: the command lines of MAAS's own client, word for word:
// `maas root node-groups import-boot-images`.
//
//   maas login PROFILE URL [KEY] | logout PROFILE | list | refresh
//   maas PROFILE NOUN ACTION [WORD …] [KEY=VALUE …]        --help, --debug and --insecure may stand anywhere
//   maas status | config | createadmin | apikey …          Rackboot's own commands of this host
//
// 1. The nouns and operations come from the region, which may run another version.
// 2. The API version in the profile's address comes first. Operations that only the other version
//    has work, too.
// 3. Exit codes as MAAS's: 0 done; 1 no answer; 2 the region refused, with its answer on standard
//    output, or wrong usage.

import { cleanText } from '../../ground/clean-text.ts';
import { RackError } from '../../ground/errors.ts';
import { composeNearestHint } from '../../ground/nearest-name.ts';
import { MAAS_HOST_COMMANDS } from '../terminal/named-commands.ts';
import { print, printError } from '../terminal/output.ts';
import { printAnswer } from './answer-output.ts';
import { buildRegionRequest } from './call.ts';
import { findByName, formatUsage, getSummary, listNouns, mergeNouns, type Noun } from './description.ts';
import { descriptionShape } from './description-shape.ts';
import { logIn, logOut, showProfiles } from './login.ts';
import { type Profile, readProfile } from './profiles.ts';
import {
  type ClientOptions,
  parseAnswerJson,
  profileClient,
  type RegionClient,
  toUnavailableError,
} from './region-request.ts';
import { uploadNamed } from './upload-call.ts';

const USAGE = `rackboot maas PROFILE NOUN ACTION [WORD ...] [KEY=VALUE ...]

The command line of MAAS's own client.

Commands:
  rackboot maas login PROFILE URL [KEY]  Log in to a region; - reads the key from standard input
  rackboot maas logout PROFILE           Forget a profile
  rackboot maas list                     List the profiles
  rackboot maas PROFILE --help           List the nouns of a region
  rackboot maas PROFILE NOUN --help      List the operations of a noun, with their parameters

KEY@=FILE sends the content of a file. --debug (-d) shows the status and the headers of each answer on standard error; --insecure (-k)
accepts any certificate, so that another host may read the key. Exit codes: 0 done, 1 no answer, 2 refused or wrong usage.`;

const HELP_OPTIONS: ReadonlySet<string> = new Set(['--help', '-h']);
const DEBUG_OPTIONS: ReadonlySet<string> = new Set(['--debug', '-d']);
const INSECURE_OPTIONS: ReadonlySet<string> = new Set(['--insecure', '-k']);

function splitOptions(words: readonly string[]): { readonly options: ClientOptions; readonly rest: readonly string[] } {
  const isInsecure = words.some((word) => INSECURE_OPTIONS.has(word));
  const isDebugging = words.some((word) => DEBUG_OPTIONS.has(word));
  return {
    options: { isInsecure, ...(isDebugging ? { onAnswer: printHead } : {}) },
    rest: words.filter((word) => !isOption(word)),
  };
}

const isOption = (word: string): boolean => INSECURE_OPTIONS.has(word) || DEBUG_OPTIONS.has(word);

/** Moves leading options behind the first other word; empty if there is no other word. */
function moveOptionsBack(words: readonly string[]): readonly string[] {
  const index = words.findIndex((word) => !isOption(word));
  return index === -1 ? [] : [...words.slice(index, index + 1), ...words.slice(0, index), ...words.slice(index + 1)];
}

/** Prints the status and the header fields of an answer, which contain no secrets. */
function printHead(status: number, headers: readonly (readonly [string, string])[]): void {
  printError(
    [`Status: ${status}`, ...headers.map(([name, text]) => `${name}: ${text}`)]
      .map((line) => cleanText(line))
      .join('\n'),
  );
}

/** Runs the words after `rackboot maas`. @param runOther runs a command of Rackboot */
export async function runMaas(
  words: readonly string[],
  runOther: (args: readonly string[]) => Promise<number>,
): Promise<number> {
  const [first = '--help', ...rest] = moveOptionsBack(words);
  if (first === 'help' || HELP_OPTIONS.has(first)) {
    print(USAGE);
    return words.length === 0 ? 2 : 0;
  }
  switch (first) {
    case 'login':
      return await logInAs(rest);
    case 'logout':
      return withProfileErrors(() => logOut({ profile: getOnly('PROFILE', rest) }));
    case 'list':
      return showProfiles();
    case 'refresh':
      // Each command reads the region's current description.
      return 0;
    case 'init':
      throw new RackError('bad-argument', '`rackboot init` sets up a rack');
  }
  if (MAAS_HOST_COMMANDS.includes(first))
    return await runOther(first === 'config' && rest.length === 0 ? ['config', 'show'] : words);
  return await runNoun(first, rest);
}

function logInAs(argv: readonly string[]): Promise<number> {
  const { options, rest: words } = splitOptions(argv);
  const cacertsIndex = words.indexOf('--cacerts');
  const cacerts = cacertsIndex === -1 ? undefined : words[cacertsIndex + 1];
  const [profile, url, apikey, ...surplus] = cacertsIndex === -1 ? words : words.toSpliced(cacertsIndex, 2);
  const option = [profile, url, apikey].find((word) => word?.startsWith('--') === true);
  if (profile === undefined || url === undefined || surplus.length > 0 || option !== undefined)
    throw new RackError('bad-argument', 'write `rackboot maas login PROFILE URL [KEY]`, and --cacerts FILE after it');
  return logIn({ profile, url, apikey, cacerts }, options);
}

function getOnly(name: string, [word, ...surplus]: readonly string[]): string {
  if (word === undefined || surplus.length > 0) throw new RackError('bad-argument', `name one ${name}`);
  return word;
}

/** Runs `use`, and reports a profile that does not exist as a wrong argument. */
function withProfileErrors<T>(use: () => T): T {
  try {
    return use();
  } catch (error) {
    if (!(error instanceof RackError) || error.code !== 'not-found') throw error;
    throw new RackError('bad-argument', error.message, { cause: error });
  }
}

async function runNoun(name: string, argv: readonly string[]): Promise<number> {
  const { options, rest: words } = splitOptions(argv);
  const profile = withProfileErrors(() => readProfile(name));
  const ask = profileClient(profile, options);
  // A value may be the word "help".
  const [noun, action, ...rest] = words.filter((word) => !HELP_OPTIONS.has(word));
  const wantsHelp = words.some((word) => HELP_OPTIONS.has(word));
  const nouns = await readNouns(ask, profile, [noun, action]);
  if (noun === undefined) return printHelp(nounLines(name, nouns), wantsHelp);
  const foundNoun = findByName(nouns, noun);
  if (foundNoun === undefined) {
    const hint = composeNearestHint(
      noun,
      nouns.map((listedNoun) => listedNoun.name),
    );
    throw new RackError('bad-argument', `there is no ${noun} here: ${hint}rackboot maas ${name} --help lists all`);
  }
  if (action === undefined) return printHelp(actionLines(name, foundNoun), wantsHelp);
  const operation = findByName(foundNoun.actions, action);
  if (operation === undefined) {
    const names = foundNoun.actions.map((listedAction) => listedAction.name);
    const hint = composeNearestHint(action, names);
    throw new RackError('bad-argument', `${foundNoun.name} has no ${action}: ${hint}it has ${names.join(', ')}`);
  }
  if (wantsHelp)
    return printHelp([`rackboot maas ${name} ${foundNoun.name} ${formatUsage(operation)}`, '', operation.doc], true);
  return printAnswer((await uploadNamed(operation, rest, ask)) ?? (await ask(buildRegionRequest(operation, rest))));
}

/** @returns 0 if the person asked for help, 2 because words are missing */
function printHelp(lines: readonly string[], wasRequested: boolean): number {
  print(lines.join('\n'));
  return wasRequested ? 0 : 2;
}

const nounLines = (profile: string, nouns: readonly Noun[]): readonly string[] => [
  `rackboot maas ${profile} NOUN ACTION`,
  '',
  ...nouns.map(({ name, actions }) => `  ${name}: ${actions.map((action) => action.name).join(', ')}`),
];

const actionLines = (profile: string, { name, actions }: Noun): readonly string[] => [
  `rackboot maas ${profile} ${name} ACTION`,
  ...actions.flatMap((action) => ['', `  ${formatUsage(action)}`, `      ${getSummary(action)}`]),
];

/**
 * Reads the nouns of the profile's API version and, if it lacks the operation, those of the other
 * version.
 */
async function readNouns(
  ask: RegionClient,
  profile: Profile,
  [noun = '', action = '']: readonly (string | undefined)[],
): Promise<readonly Noun[]> {
  const ownNouns = await readVersion(ask, profile.api, profile.url);
  if (ownNouns === undefined)
    throw new RackError('not-running', `${profile.url} has no API ${profile.api}: it is not a region`);
  if (findByName(findByName(ownNouns, noun)?.actions ?? [], action) !== undefined) return ownNouns;
  const otherNouns = await readVersion(ask, profile.api === '1.0' ? '2.0' : '1.0', profile.url);
  return mergeNouns(ownNouns, otherNouns ?? []);
}

/**
 * @returns undefined if the address has no such API @throws RackError `not-running` if it answers
 * "not now"
 */
async function readVersion(
  ask: RegionClient,
  version: '1.0' | '2.0',
  url: string,
): Promise<readonly Noun[] | undefined> {
  const answer = await ask({ method: 'GET', path: `/MAAS/api/${version}/describe/` });
  const failure = toUnavailableError(url, answer);
  if (failure !== undefined) throw failure;
  const description = answer.status === 200 ? descriptionShape.safeParse(parseAnswerJson(answer)).data : undefined;
  return description && listNouns(description);
}
