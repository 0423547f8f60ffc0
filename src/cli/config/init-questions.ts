// The questions of `rackboot init`: typed answers are kept, and only mistakes are asked again.
//
//   settle, or ask a question ─→ judge all answers so far ─┬─ fine ────────────────→ the next question, or the end
//         ↑                                                └─ a mistake ─→ tell ───→ first the questions it concerns
//
// 1. After a mistake the prompt shows the typed address again, to be corrected. Enter accepts the
//    value in brackets.
// 2. A mistake that no question can correct (a wrong option) ends the command.

import { RackError } from '../../ground/errors.ts';

/** The fields that are asked, in this order. */
export const FIELDS = ['interface', 'mode', 'router', 'low', 'high', 'staticLow', 'staticHigh', 'upstream'] as const;
export type Field = (typeof FIELDS)[number];

export type Answers = Readonly<Partial<Record<Field, string | undefined>>>;

export interface Mistake {
  readonly fields: readonly Field[];
  readonly text: string;
}

/** @param proposal what Enter accepts @param wrong the text already in the line, to be corrected */
type Ask = (question: string, proposal: string, wrong?: string) => Promise<string>;

export interface Interview {
  /** Answers given as options; they are not asked. */
  readonly given: Answers;
  readonly questionOf: (field: Field) => string;
  readonly proposalOf: (field: Field, answers: Answers) => string;
  /** An answer that needs no question. */
  readonly settle?: (field: Field, answers: Answers) => Promise<string | undefined>;
  readonly judge: (answers: Answers) => readonly Mistake[];
  readonly ask: Ask;
  readonly tell: (text: string) => void;
}

/** More than any person makes. */
const MISTAKES_MAX = 50;
/** Answers that can contradict each other. */
const RELATED: readonly Field[] = ['router', 'low', 'high', 'staticLow', 'staticHigh'];

const sortFields = (fields: Iterable<Field>): Field[] => {
  const wanted = new Set(fields);
  return FIELDS.filter((field) => wanted.has(field));
};

/** @throws RackError `bad-argument` for wrong options or after too many mistakes, `cancelled` */
export async function interview(options: Interview): Promise<Answers> {
  const { given, judge, ask, tell, questionOf, proposalOf } = options;
  const openFields = FIELDS.filter((field) => given[field] === undefined);
  refuseOptions(judge(given));
  let answers: Answers = given;
  let wrong: readonly Field[] = [];
  let mistakes = 0;
  /** Valid answers, proposed again when another was wrong. */
  let validAnswers: Answers = {};
  for (let open = openFields; open.length > 0; ) {
    const [field, ...rest] = open;
    if (field === undefined) break;
    const settledAs = wrong.includes(field) ? undefined : await options.settle?.(field, answers);
    if (settledAs !== undefined) {
      answers = { ...answers, [field]: settledAs };
      open = rest;
      continue;
    }
    const typed = answers[field];
    const isWrong = wrong.includes(field);
    // The mode is one of two words; in a name or an address, mostly one character is wrong.
    const isMended = isWrong && field !== 'mode';
    if (field === 'interface') validAnswers = {};
    else if (!isWrong && typed !== undefined) validAnswers = { ...validAnswers, [field]: typed };
    const proposal = isWrong || typed === undefined ? (validAnswers[field] ?? proposalOf(field, answers)) : typed;
    answers = { ...answers, [field]: await ask(questionOf(field), proposal, isMended ? typed : undefined) };
    open = rest;
    // Open questions are not judged.
    const settled = pickAnswers(answers, (answered) => !rest.includes(answered));
    const problems = judge(settled);
    if (problems.length === 0) continue;
    mistakes += 1;
    if (mistakes > MISTAKES_MAX) throw new RackError('bad-argument', 'no usable answers; nothing was written');
    const named = problems.flatMap(({ fields }) => fields);
    wrong = sortFields(named).filter(
      (mistaken) => openFields.includes(mistaken) && isWrongAlone(mistaken, answers, judge),
    );
    const again = wrong.length > 0 ? wrong : findRelated(named, settled, openFields);
    if (again.length === 0) refuseOptions(problems);
    tell(`That does not work:\n${problems.map(({ text }) => `  ${text}`).join('\n')}\nNothing is written yet.`);
    // Another network may have another DHCP server.
    const repeated = again.includes('interface') && openFields.includes('mode') ? (['mode'] as const) : [];
    open = sortFields([...again, ...repeated, ...rest]);
  }
  return answers;
}

const pickAnswers = (answers: Answers, test: (field: Field) => boolean): Answers =>
  Object.fromEntries(
    FIELDS.filter((field) => answers[field] !== undefined && test(field)).map((field) => [field, answers[field]]),
  );

/** True if an answer is wrong with the interface as the only other answer. */
function isWrongAlone(field: Field, answers: Answers, judge: Interview['judge']): boolean {
  const alone = pickAnswers(answers, (other) => other === field || other === 'interface');
  return judge(alone).some(({ fields }) => fields.includes(field));
}

/** Typed answers that contradict each other or an option. */
function findRelated(named: readonly Field[], answers: Answers, asked: readonly Field[]): readonly Field[] {
  const isTyped = (field: Field): boolean => asked.includes(field) && answers[field] !== undefined;
  const related = sortFields([...named, ...RELATED]).filter(isTyped);
  return related.length > 0 || !isTyped('interface') ? related : ['interface'];
}

function refuseOptions(found: readonly Mistake[]): void {
  if (found.length > 0) throw new RackError('bad-argument', found.map(({ text }) => text).join('\n'));
}
