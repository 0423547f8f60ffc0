// Collects the answers of `rackboot init` and `rackboot networks add` from a person or from
// proposals, and judges them as `check` does.

import { findOverlaps, readHostAddresses } from '../../config/host-check.ts';
import type { RackConfig } from '../../config/rack-config.ts';
import type { ParsedConfig } from '../../config/resolve-file.ts';
import { formatIpv4, parseIpv4 } from '../../ground/address.ts';
import { RackError } from '../../ground/errors.ts';
import type { Settings } from '../../machines/settings.ts';
import { readHostResolvers } from '../../net/host-resolvers.ts';
import { readHostInterfaces } from '../../net/present-interfaces.ts';
import { proposeAlongside } from '../../region/networks/range-proposal.ts';
import { print } from '../terminal/output.ts';
import { openPrompt } from '../terminal/prompt.ts';
import { describeCandidate, type InterfaceCandidate, unknownInterfaceText } from './init-candidates.ts';
import { answeredText, askForServers, chooseModeText, noServerWarning, type WireAnswer } from './init-probe.ts';
import type { InitAnswers } from './init-proposal.ts';
import { type Answers, FIELDS, type Field, interview, type Mistake } from './init-questions.ts';
import { fieldsAt, formatFlag, mistakeText, type NameAnswer, questionName } from './init-words.ts';

/** A configuration with answers in it. */
interface RenderedDraft {
  readonly answers: InitAnswers;
  readonly text: string;
  readonly parsed: ParsedConfig;
  /** The beginning of the paths of the new network's problems. */
  readonly prefix: string;
}

export interface DraftOptions {
  /** The answers given as options. */
  readonly optionAnswers: Answers;
  readonly candidates: readonly InterfaceCandidate[];
  readonly make: (answers: Answers, proposal: InterfaceCandidate | undefined) => RenderedDraft;
}

export const pickOptions = (flags: Answers): Answers => ({
  ...Object.fromEntries(FIELDS.flatMap((field) => (flags[field] === undefined ? [] : [[field, flags[field]]]))),
});

/** Fills every answer without an option with its proposal, or reports every problem. */
export async function acceptProposals(options: DraftOptions): Promise<Draft> {
  const { candidates } = options;
  let answers = options.optionAnswers;
  answers = { ...answers, interface: answers.interface ?? propose(candidates, 'interface', answers) };
  if (answers.mode === undefined) {
    answers = { ...answers, mode: 'server' };
    // Report mistakes before the probe, because they do not depend on the network.
    requireDraft(options, proposeRest(candidates, answers));
    const { interface: name = '' } = answers;
    const answer = await probeWire(candidates, name);
    if (answer.servers.length > 0) throw new RackError('bad-argument', chooseModeText(answeredText({ name }, answer)));
  }
  return requireDraft(options, proposeRest(candidates, answers));
}

function proposeRest(candidates: readonly InterfaceCandidate[], known: Answers): Answers {
  let answers = known;
  for (const field of FIELDS) answers = { ...answers, [field]: answers[field] ?? propose(candidates, field, answers) };
  return answers;
}

/** Looks for other DHCP servers on an interface, and warns if silence may mislead. */
async function probeWire(candidates: readonly InterfaceCandidate[], name: string): Promise<WireAnswer> {
  const proposal = candidates.find((candidate) => candidate.name === name);
  if (proposal === undefined) return { servers: [] };
  print(`Looking for other DHCP servers on ${name} …`);
  const ownAddresses = readHostInterfaces().flatMap(({ addresses }) =>
    addresses.map(({ address }) => formatIpv4(address)),
  );
  const answer = await askForServers(proposal, new Set(ownAddresses));
  const warning = answer.servers.length > 0 ? undefined : noServerWarning(proposal, answer, proposal.isDefaultRoute);
  if (warning !== undefined) print(`Beware  ${warning}`);
  return answer;
}

/**
 * Derives an answer without a question: the mode if no other server answers, and answers that proxy
 * mode does not need.
 */
async function deriveAnswer(
  candidates: readonly InterfaceCandidate[],
  field: Field,
  known: Answers,
): Promise<string | undefined> {
  if (field === 'interface' || field === 'upstream') return undefined;
  if (field !== 'mode') return known.mode === 'proxy' ? '-' : undefined;
  const proposal = candidates.find(({ name }) => name === known.interface);
  if (proposal === undefined) return undefined;
  const answer = await probeWire(candidates, proposal.name);
  if (answer.servers.length === 0) return 'server';
  const text = answeredText(proposal, answer);
  print(
    `${text[0]?.toUpperCase()}${text.slice(1)}. In proxy mode that server keeps giving addresses, and this rack only says what to boot.`,
  );
  return undefined;
}

export async function askPerson(options: DraftOptions): Promise<Draft> {
  const { optionAnswers, candidates } = options;
  const list = candidates.map(describeCandidate).join(', ');
  const prompt = openPrompt();
  const nameAnswer: NameAnswer = (field) =>
    optionAnswers[field] === undefined ? questionName(field) : formatFlag(field);
  try {
    const answers = await interview({
      optionAnswers,
      formatQuestion: (field) =>
        field === 'interface' ? `Interface on the machines' network (${list})` : QUESTIONS[field],
      derive: (field, answers) => deriveAnswer(candidates, field, answers),
      propose: (field, answers) => propose(candidates, field, answers),
      judge: (answers) => judge(options, answers, nameAnswer).mistakes,
      ask: async (question, proposal, wrong) => {
        const answer = (await prompt.ask(`${question} [${proposal}]: `, wrong)).trim();
        return answer === '' ? proposal : answer;
      },
      show: (text) => print(`\n${text}\n`),
    });
    return requireDraft(options, answers);
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
function propose(candidates: readonly InterfaceCandidate[], field: Field, answers: Answers): string {
  if (field === 'upstream') return readHostResolvers().map(formatIpv4).join(' ') || '-';
  if (field === 'interface') {
    const otherCandidates = candidates.filter(({ isDefaultRoute }) => !isDefaultRoute);
    return (otherCandidates.length === 1 ? otherCandidates[0]?.name : undefined) ?? '';
  }
  if (field === 'mode') return 'proxy';
  if (answers.mode === 'proxy') return '-';
  const proposal = candidates.find(({ name }) => name === answers.interface);
  if (field === 'router') return proposal?.gateway === undefined ? '-' : formatIpv4(proposal.gateway);
  const former = field === 'low' || field === 'high' ? proposal?.formerRange?.[field] : undefined;
  if (former !== undefined) return formatIpv4(former);
  return proposal === undefined ? '' : proposeAlongside(proposal, parseIpv4(answers.router ?? ''), answers)[field];
}

export interface Draft {
  readonly answers: InitAnswers;
  readonly text: string;
  readonly values: Settings;
  readonly config: RackConfig;
}

function requireDraft(options: DraftOptions, known: Answers): Draft {
  const { mistakes, draft: found } = judge(options, known);
  if (found === undefined) throw new RackError('bad-argument', mistakes.map(({ text }) => text).join('\n'));
  return found;
}

interface Judgement {
  readonly mistakes: readonly Mistake[];
  /** Undefined if there are mistakes, or too few answers to judge. */
  readonly draft?: Draft;
}

/**
 * Finds the mistakes that `check` would report in these answers. A missing answer is no mistake.
 */
function judge(options: DraftOptions, known: Answers, nameAnswer: NameAnswer = formatFlag): Judgement {
  const { candidates } = options;
  if (known.interface === undefined) return { mistakes: [] };
  const proposal = candidates.find(({ name }) => name === known.interface);
  if (proposal === undefined) {
    const text = unknownInterfaceText(candidates, known.interface);
    return { mistakes: [{ fields: ['interface'], text }] };
  }
  const networkEntries = [{ interfaceName: proposal.name, network: proposal.network }];
  const [overlap] = findOverlaps({ clusterInterfaces: networkEntries }, readHostAddresses());
  if (overlap !== undefined) return { mistakes: [{ fields: ['interface'], text: overlap.message }] };
  return judgeAnswers(options, known, proposal, nameAnswer);
}

export function judgeAnswers(
  { make }: Pick<DraftOptions, 'make'>,
  known: Answers,
  proposal: InterfaceCandidate | undefined,
  nameAnswer: NameAnswer = formatFlag,
): Judgement {
  const { answers, text, parsed, prefix } = make(known, proposal);
  if (parsed.ok) return { mistakes: [], draft: { answers, text, values: parsed.file.values, config: parsed.config } };
  // Without line numbers: the file does not exist yet.
  const mistakes = parsed.problems.flatMap(({ path, message }): readonly Mistake[] => {
    const relativePath = path.replace(prefix, '');
    const fields = fieldsAt(relativePath);
    const isUnanswered = fields.length > 0 && fields.every((field) => known[field] === undefined);
    return isUnanswered ? [] : [{ fields, text: mistakeText({ path, relativePath, message }, nameAnswer) }];
  });
  return { mistakes };
}
