// The answers of `rackboot init` and `rackboot networks add`: asked of a person, or taken as
// proposed, and judged as `check` does.

import { findOverlaps, hostAddresses } from '../../config/host-check.ts';
import type { RackConfig } from '../../config/rack-config.ts';
import type { ParsedConfig } from '../../config/resolve-file.ts';
import { formatIpv4, parseIpv4 } from '../../ground/address.ts';
import { RackError } from '../../ground/errors.ts';
import type { Settings } from '../../machines/settings.ts';
import { hostResolvers } from '../../net/host-resolvers.ts';
import { readHostInterfaces } from '../../net/present-interfaces.ts';
import { proposeAlongside } from '../../region/networks/range-proposal.ts';
import { print } from '../terminal/output.ts';
import { openPrompt } from '../terminal/prompt.ts';
import { type Candidate, describeCandidate, unknownInterfaceText } from './init-candidates.ts';
import { answeredText, askForServers, bewareText, chooseText, type WireAnswer } from './init-probe.ts';
import type { InitAnswers } from './init-proposal.ts';
import { type Answers, FIELDS, type Field, interview, type Mistake } from './init-questions.ts';
import { fieldsAt, formatFlag, mistakeText, type NameAnswer, questionName } from './init-words.ts';

/** A configuration with answers in it. */
interface Made {
  readonly answers: InitAnswers;
  readonly text: string;
  readonly parsed: ParsedConfig;
  /** Where problems of the new network are. */
  readonly prefix: string;
}

export interface DraftOptions {
  /** The answers that are given as options. */
  readonly given: Answers;
  readonly candidates: readonly Candidate[];
  readonly make: (answers: Answers, proposal: Candidate | undefined) => Made;
}

export const pickOptions = (flags: Answers): Answers => ({
  ...Object.fromEntries(FIELDS.flatMap((field) => (flags[field] === undefined ? [] : [[field, flags[field]]]))),
});

/** Fills every answer without an option with its proposal, or reports every problem. */
export async function takeProposals(options: DraftOptions): Promise<Draft> {
  const { candidates } = options;
  let answers = options.given;
  answers = { ...answers, interface: answers.interface ?? propose(candidates, 'interface', answers) };
  if (answers.mode === undefined) {
    answers = { ...answers, mode: 'server' };
    // Mistakes first: they do not depend on the network.
    draft(options, proposeRest(candidates, answers));
    const { interface: name = '' } = answers;
    const answer = await askWire(candidates, name);
    if (answer.servers.length > 0) throw new RackError('bad-argument', chooseText(answeredText({ name }, answer)));
  }
  return draft(options, proposeRest(candidates, answers));
}

function proposeRest(candidates: readonly Candidate[], given: Answers): Answers {
  let answers = given;
  for (const field of FIELDS) answers = { ...answers, [field]: answers[field] ?? propose(candidates, field, answers) };
  return answers;
}

/** Looks for other DHCP servers on an interface, and warns if silence may mislead. */
async function askWire(candidates: readonly Candidate[], name: string): Promise<WireAnswer> {
  const place = candidates.find((candidate) => candidate.name === name);
  if (place === undefined) return { servers: [] };
  print(`Looking for other DHCP servers on ${name} …`);
  const own = readHostInterfaces().flatMap(({ addresses }) => addresses.map(({ address }) => formatIpv4(address)));
  const answer = await askForServers(place, new Set(own));
  const beware = answer.servers.length > 0 ? undefined : bewareText(place, answer, place.isDefaultRoute);
  if (beware !== undefined) print(`Beware  ${beware}`);
  return answer;
}

/** Derived answers: the mode if no other server answers, and the questions that a proxy does not need. */
async function settle(candidates: readonly Candidate[], field: Field, known: Answers): Promise<string | undefined> {
  if (field === 'interface' || field === 'upstream') return undefined;
  if (field !== 'mode') return known.mode === 'proxy' ? '-' : undefined;
  const place = candidates.find(({ name }) => name === known.interface);
  if (place === undefined) return undefined;
  const answer = await askWire(candidates, place.name);
  if (answer.servers.length === 0) return 'server';
  const text = answeredText(place, answer);
  print(
    `${text[0]?.toUpperCase()}${text.slice(1)}. In proxy mode that server keeps giving addresses, and this rack only says what to boot.`,
  );
  return undefined;
}

export async function askPerson(options: DraftOptions): Promise<Draft> {
  const { given, candidates } = options;
  const list = candidates.map(describeCandidate).join(', ');
  const prompt = openPrompt();
  const nameOf: NameAnswer = (field) => (given[field] === undefined ? questionName(field) : formatFlag(field));
  try {
    const answers = await interview({
      given,
      questionOf: (field) =>
        field === 'interface' ? `Interface on the machines' network (${list})` : QUESTIONS[field],
      settle: (field, answers) => settle(candidates, field, answers),
      proposalOf: (field, answers) => propose(candidates, field, answers),
      judge: (answers) => judge(options, answers, nameOf).mistakes,
      ask: async (question, proposal, wrong) => {
        const answer = (await prompt.ask(`${question} [${proposal}]: `, wrong)).trim();
        return answer === '' ? proposal : answer;
      },
      tell: (text) => print(`\n${text}\n`),
    });
    return draft(options, answers);
  } finally {
    prompt.close();
  }
}

const QUESTIONS: Readonly<Record<Exclude<Field, 'interface'>, string>> = {
  mode: 'Which server gives the addresses: this rack (server) or the other (proxy)',
  router: 'Router offered to machines (- for none)',
  low: 'First address for unknown machines (dynamic range)',
  high: 'Last address for unknown machines',
  staticLow: 'First address for deployed machines (static range)',
  staticHigh: 'Last address for deployed machines',
  upstream: 'Upstream DNS servers, separated by spaces (- for none)',
};

/** The proposal for an answer; empty for the interface if the choice is not clear. */
function propose(candidates: readonly Candidate[], field: Field, answers: Answers): string {
  if (field === 'upstream') return hostResolvers().map(formatIpv4).join(' ') || '-';
  if (field === 'interface') {
    const apart = candidates.filter(({ isDefaultRoute }) => !isDefaultRoute);
    return (apart.length === 1 ? apart[0]?.name : undefined) ?? '';
  }
  if (field === 'mode') return 'proxy';
  if (answers.mode === 'proxy') return '-';
  const place = candidates.find(({ name }) => name === answers.interface);
  if (field === 'router') return place?.gateway === undefined ? '-' : formatIpv4(place.gateway);
  const former = field === 'low' || field === 'high' ? place?.formerRange?.[field] : undefined;
  if (former !== undefined) return formatIpv4(former);
  return place === undefined ? '' : proposeAlongside(place, parseIpv4(answers.router ?? ''), answers)[field];
}

export interface Draft {
  readonly answers: InitAnswers;
  readonly text: string;
  readonly values: Settings;
  readonly config: RackConfig;
}

function draft(options: DraftOptions, known: Answers): Draft {
  const { mistakes, draft: found } = judge(options, known);
  if (found === undefined) throw new RackError('bad-argument', mistakes.map(({ text }) => text).join('\n'));
  return found;
}

interface Judgement {
  readonly mistakes: readonly Mistake[];
  /** Undefined if there are mistakes, or too few answers to judge. */
  readonly draft?: Draft;
}

/** The mistakes that `check` would report in these answers. A missing answer is none. */
function judge(options: DraftOptions, known: Answers, nameOf: NameAnswer = formatFlag): Judgement {
  const { candidates } = options;
  if (known.interface === undefined) return { mistakes: [] };
  const proposal = candidates.find(({ name }) => name === known.interface);
  if (proposal === undefined) {
    const text = unknownInterfaceText(candidates, known.interface);
    return { mistakes: [{ fields: ['interface'], text }] };
  }
  const placed = [{ interfaceName: proposal.name, network: proposal.network }];
  const [overlap] = findOverlaps({ clusterInterfaces: placed }, hostAddresses());
  if (overlap !== undefined) return { mistakes: [{ fields: ['interface'], text: overlap.message }] };
  return judgeAnswers(options, known, proposal, nameOf);
}

export function judgeAnswers(
  { make }: Pick<DraftOptions, 'make'>,
  known: Answers,
  proposal: Candidate | undefined,
  nameOf: NameAnswer = formatFlag,
): Judgement {
  const { answers, text, parsed, prefix } = make(known, proposal);
  if (parsed.ok) return { mistakes: [], draft: { answers, text, values: parsed.file.values, config: parsed.config } };
  // Without line numbers: the file does not exist yet.
  const mistakes = parsed.problems.flatMap(({ path, message }): readonly Mistake[] => {
    const place = path.replace(prefix, '');
    const fields = fieldsAt(place);
    const isOpen = fields.length > 0 && fields.every((field) => known[field] === undefined);
    return isOpen ? [] : [{ fields, text: mistakeText({ path, place, message }, nameOf) }];
  });
  return { mistakes };
}
