// `rackboot init`: a configuration for this host, by questions or by flags: where the rack lives into the file, its network into the
// store.
//
//   findCandidates ─ draft: collect (questions, flags, proposals), check ─┬─ fine ─────→ the file, then the store
//                      ↑                                                  └─ problems ─→ told; a person is asked again
//
// 1. Nothing is written that `rackboot check` would refuse.
// 2. The interface of the default route is never chosen unasked: a second DHCP server disturbs everybody on a network.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { dirname, join } from 'node:path';
import { parseConfig } from '../config/load.ts';
import { defaultName } from '../config/resolve.ts';
import { errorText, osErrorCode, RackError } from '../errors.ts';
import { INTERFACES_KEY, type Settings, withValue } from '../machines/settings.ts';
import { formatNetwork, networkOf, parseIpv4 } from '../net/address.ts';
import { type InitAnswers, type InterfaceProposal, proposeRanges, renderConfig, settingsOf } from './init-proposal.ts';
import { print } from './output.ts';
import { missingProgramLines } from './power-programs.ts';
import { openPrompt } from './prompt.ts';
import { withStoredSettings } from './settings-store.ts';

export interface InitFlags {
  readonly config: string;
  readonly name?: string | undefined;
  readonly stateDir: string;
  readonly interface?: string | undefined;
  readonly low?: string | undefined;
  readonly high?: string | undefined;
  readonly staticLow?: string | undefined;
  readonly staticHigh?: string | undefined;
  readonly router?: string | undefined;
  readonly upstream?: string | undefined;
  readonly domain: string;
  /** Take every proposal without asking. */
  readonly yes: boolean;
  /** Replace an existing file. */
  readonly force: boolean;
}

/** How often a person is asked all over again. */
const ROUNDS_MAX = 10;

/** Asks a person, or takes the proposal where there is none to ask. */
type Ask = (question: string, proposal: string) => Promise<string>;

/** An interface that machines could be on. */
interface Candidate extends InterfaceProposal {
  /** The way to everywhere else leads through it. */
  readonly isDefaultRoute: boolean;
}

/** Writes the configuration and stores the network. @throws RackError `bad-argument`, `already-exists`, `store-unwritable`, `cancelled`. */
export async function initConfig(flags: InitFlags): Promise<void> {
  const candidates = findCandidates(flags.interface);
  if (flags.interface !== undefined) findByName(candidates, flags.interface);
  const unasked = flags.yes || process.stdin.isTTY !== true;
  const drafted = unasked
    ? await draft(flags, candidates, (_question, proposal) => Promise.resolve(proposal))
    : await askUntilUsable(flags, candidates);
  writeConfig(flags, drafted.text);
  storeNetwork(flags, drafted);
}

async function askUntilUsable(flags: InitFlags, candidates: readonly Candidate[]): Promise<Draft> {
  const prompt = openPrompt();
  const ask: Ask = async (question, proposal) => {
    const answer = (await prompt.ask(`${question} [${proposal}]: `)).trim();
    return answer === '' ? proposal : answer;
  };
  try {
    for (let round = 0; round < ROUNDS_MAX; round += 1) {
      try {
        return await draft(flags, candidates, ask);
      } catch (error) {
        if (!(error instanceof RackError) || error.code !== 'bad-argument') throw error;
        print(`\nThat will not do:\n${error.message}\nNothing is written yet. Once more:\n`);
      }
    }
    throw new RackError('bad-argument', `no usable answers in ${ROUNDS_MAX} rounds; nothing was written`);
  } finally {
    prompt.close();
  }
}

/** What is to be written. */
interface Draft {
  readonly answers: InitAnswers;
  /** The file's text. */
  readonly text: string;
  readonly values: Settings;
}

/** What one round of questions comes to. @throws RackError `bad-argument` with all that is wrong with the answers. */
async function draft(flags: InitFlags, candidates: readonly Candidate[], ask: Ask): Promise<Draft> {
  const answers = await collect(flags, candidates, ask);
  const text = renderConfig(answers);
  let stored: Settings = {};
  for (const { key, value } of settingsOf(answers)) {
    if (key.startsWith(`${INTERFACES_KEY}.`))
      stored = { ...stored, [INTERFACES_KEY]: [{ name: answers.proposal.name, ...Object(value) }] };
    else stored = withValue(stored, key, value);
  }
  const parsed = parseConfig(text, stored);
  if (parsed.ok) return { answers, text, values: parsed.file.values };
  // Without lines: the file is not there yet.
  const prefix = `${INTERFACES_KEY}.${answers.proposal.name}.`;
  const problems = parsed.problems.map(({ path, message }) => `${path.replace(prefix, '')}: ${message}`);
  throw new RackError('bad-argument', problems.join('\n'));
}

async function collect(flags: InitFlags, candidates: readonly Candidate[], ask: Ask): Promise<InitAnswers> {
  const place = await chooseInterface(flags, candidates, ask);
  const router = flags.router ?? (await ask('Router offered to machines (none: -)', '-'));
  const ranges = proposeRanges(place, parseIpv4(router));
  return {
    name: flags.name ?? defaultName(),
    stateDir: flags.stateDir,
    domain: flags.domain,
    proposal: place,
    router,
    low: flags.low ?? (await ask('First address for unknown machines (dynamic range)', ranges.low)),
    high: flags.high ?? (await ask('Last address for unknown machines', ranges.high)),
    staticLow: flags.staticLow ?? (await ask('First address for deployed machines (static range)', ranges.staticLow)),
    staticHigh: flags.staticHigh ?? (await ask('Last address for deployed machines', ranges.staticHigh)),
    upstream: flags.upstream ?? (await ask('Upstream DNS servers, separated by spaces (none: -)', '-')),
  };
}

async function chooseInterface(flags: InitFlags, candidates: readonly Candidate[], ask: Ask): Promise<Candidate> {
  const list = candidates.map(describeCandidate).join(', ');
  const apart = candidates.filter(({ isDefaultRoute }) => !isDefaultRoute);
  // Where one is clearly meant it is proposed; else there is nothing to take unasked.
  const proposed = flags.interface ?? (apart.length === 1 ? apart[0]?.name : undefined) ?? '';
  const name = flags.interface ?? (await ask(`Interface of the machines (${list})`, proposed));
  if (name === '')
    throw new RackError('bad-argument', `name the interface that your machines are on with --interface: ${list}`);
  return findByName(candidates, name);
}

function findByName(candidates: readonly Candidate[], name: string): Candidate {
  const found = candidates.find((candidate) => candidate.name === name);
  if (found !== undefined) return found;
  const list = candidates.map(describeCandidate).join(', ');
  throw new RackError('bad-argument', `${name} is not an interface with an IPv4 network to serve; there are ${list}`);
}

const describeCandidate = ({ name, network, isDefaultRoute }: Candidate): string =>
  `${name} ${formatNetwork(network)}${isDefaultRoute ? ' (leads to the default router)' : ''}`;

/** Interfaces with an IPv4 network that could hold machines; those that the default route does not use come first. */
function findCandidates(wanted: string | undefined): readonly Candidate[] {
  const found: Candidate[] = [];
  const outward = readDefaultRouteInterfaces();
  for (const [name, addresses] of Object.entries(networkInterfaces())) {
    for (const entry of addresses ?? []) {
      const address = parseIpv4(entry.address);
      const prefix = Number(entry.cidr?.split('/')[1] ?? '32');
      if (entry.family !== 'IPv4' || entry.internal || address === undefined || prefix < 8 || prefix > 28) continue;
      found.push({ name, address, network: networkOf(address, prefix), isDefaultRoute: outward.has(name) });
      break;
    }
  }
  if (found.length === 0) {
    throw new RackError(
      'bad-argument',
      `${wanted ?? 'this host'} has no IPv4 network to serve; give an interface an address first, ` +
        'such as `ip address add 10.20.0.1/24 dev eth1`',
    );
  }
  return found.sort((a, b) => Number(a.isDefaultRoute) - Number(b.isDefaultRoute));
}

/** proc(5): the columns of /proc/net/route are interface, destination, gateway, flags … mask (the eighth). */
function readDefaultRouteInterfaces(): ReadonlySet<string> {
  let text = '';
  try {
    text = readFileSync('/proc/net/route', 'latin1');
  } catch {
    // Not Linux: every interface may be the wrong one, and a person is asked.
  }
  const rows = text.split('\n').map((line) => line.split(/\s+/));
  return new Set(rows.flatMap((row) => (row[1] === '00000000' && row[7] === '00000000' ? [row[0] ?? ''] : [])));
}

function writeConfig(flags: InitFlags, text: string): void {
  try {
    mkdirSync(dirname(flags.config), { recursive: true });
    writeFileSync(flags.config, text, { flag: flags.force ? 'w' : 'wx', mode: 0o644 });
  } catch (error) {
    if (osErrorCode(error) === 'EEXIST') {
      throw new RackError('already-exists', `${flags.config} exists; edit it, or replace it with --force`, {
        cause: error,
      });
    }
    throw new RackError('store-unwritable', `cannot write ${flags.config}: ${errorText(error)}`, { cause: error });
  }
  print(`Wrote ${flags.config}.`);
}

/** Puts the network into the store; with --force in the place of those that were there. */
function storeNetwork(flags: InitFlags, { answers, values }: Draft): void {
  const place = { stateDir: flags.stateDir, name: answers.name, file: flags.config, values };
  withStoredSettings(place, (settings) => {
    const own = `${INTERFACES_KEY}.${answers.proposal.name}`;
    const former = settings
      .list()
      .filter(({ rack, key }) => flags.force && rack === settings.findRack('master') && key !== own)
      .map(({ key }) => ({ key, value: undefined }));
    const refusal = settings.change('', [...former, ...settingsOf(answers)], 'local-administrator');
    if (refusal === undefined) return;
    const text = `${flags.config} is written, the network is not stored: ${refusal.text}\nrackboot init --force replaces what the store has`;
    throw new RackError('bad-argument', text);
  });
  const { name, network } = answers.proposal;
  print(`The network ${name} ${formatNetwork(network)} is in the store: \`rackboot config show ${INTERFACES_KEY}\`.`);
  print(
    `Boot tree: ${join(flags.stateDir, 'boot')}. Next: \`rackboot images build\`, then \`rackboot run --config ${flags.config}\`.`,
  );
  for (const line of missingProgramLines()) print(line);
}
