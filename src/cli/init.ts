// `rackboot init`: a configuration file for this host, by questions or by flags.

import { mkdirSync, writeFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { formatProblems, parseConfig } from '../config/load.ts';
import { errorText, osErrorCode, RackError } from '../errors.ts';
import { formatNetwork, networkOf, parseIpv4 } from '../net/address.ts';
import { type InterfaceProposal, proposeRanges, renderConfig } from './init-proposal.ts';

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

type Ask = (question: string, proposal: string) => Promise<string>;

/** Writes the configuration. @throws RackError `bad-argument`, `already-exists`, `store-unwritable`. */
export async function initConfig(flags: InitFlags): Promise<void> {
  const interactive = !flags.yes && process.stdin.isTTY === true;
  const reader = interactive ? createInterface({ input: process.stdin, output: process.stdout }) : undefined;
  const ask: Ask = async (question, proposal) => {
    if (reader === undefined) return proposal;
    const answer = (await reader.question(`${question} [${proposal}]: `)).trim();
    return answer === '' ? proposal : answer;
  };
  try {
    const text = renderConfig(await collect(flags, ask));
    const parsed = parseConfig(text);
    if (!parsed.ok) throw new RackError('bad-argument', formatProblems(flags.config, parsed.problems));
    writeConfig(flags, text);
  } finally {
    reader?.close();
  }
}

async function collect(flags: InitFlags, ask: Ask) {
  const candidates = findCandidates();
  const proposed = candidates.find(({ name }) => name === flags.interface) ?? candidates[0];
  if (proposed === undefined || (flags.interface !== undefined && proposed.name !== flags.interface)) {
    const known = candidates.map(({ name }) => name).join(', ');
    throw new RackError(
      'bad-argument',
      `${flags.interface ?? 'this host'} has no IPv4 network to serve${known === '' ? '' : ` (there are ${known})`}; ` +
        'give an interface an address first, such as `ip address add 10.20.0.1/24 dev eth1`',
    );
  }
  const name = await ask(
    `Interface of the machines (${candidates.map(({ name: each, network }) => `${each} ${formatNetwork(network)}`).join(', ')})`,
    proposed.name,
  );
  const chosen = candidates.find((candidate) => candidate.name === name);
  if (chosen === undefined) throw new RackError('bad-argument', `${name} is not an interface with an IPv4 network`);
  const ranges = proposeRanges(chosen, flags.router === undefined ? undefined : parseIpv4(flags.router));
  return {
    name: flags.name,
    stateDir: flags.stateDir,
    domain: flags.domain,
    proposal: chosen,
    low: flags.low ?? (await ask('First address for unknown machines (dynamic range)', ranges.low)),
    high: flags.high ?? (await ask('Last address for unknown machines', ranges.high)),
    staticLow: flags.staticLow ?? (await ask('First address for deployed machines (static range)', ranges.staticLow)),
    staticHigh: flags.staticHigh ?? (await ask('Last address for deployed machines', ranges.staticHigh)),
    router: flags.router ?? (await ask('Router offered to machines (none: -)', '-')),
    upstream: flags.upstream ?? (await ask('Upstream DNS servers, separated by spaces (none: -)', '-')),
  };
}

/** Interfaces with an IPv4 network that could hold machines, private and smaller ones first. */
function findCandidates(): InterfaceProposal[] {
  const found: InterfaceProposal[] = [];
  for (const [name, addresses] of Object.entries(networkInterfaces())) {
    for (const entry of addresses ?? []) {
      const address = parseIpv4(entry.address);
      const prefix = Number(entry.cidr?.split('/')[1] ?? '32');
      if (entry.family !== 'IPv4' || entry.internal || address === undefined || prefix < 8 || prefix > 28) continue;
      found.push({ name, address, network: networkOf(address, prefix) });
      break;
    }
  }
  return found;
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
  console.log(`Wrote ${flags.config}.`);
  console.log(
    `Boot tree: ${join(flags.stateDir, 'boot')}. Next: \`rackboot images build\`, then \`rackboot run --config ${flags.config}\`.`,
  );
}
