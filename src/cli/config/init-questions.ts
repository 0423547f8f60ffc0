// The questions of `rackboot init`: typed answers are kept, and only mistakes are asked again.
//
//   derive, or ask a question ─→ judge all answers so far ─┬─ fine ────────────────→ the next question, or the end
//         ↑                                                └─ a mistake ─→ show ───→ first the questions it concerns
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

/**
 * @param proposal what Enter accepts @param wrong the mistaken answer, which stands in the line
 * already, to be corrected
 */
type Ask = (question: string, proposal: string, wrong?: string) => Promise<string>;

export interface Interview {
  /** Answers given as options; they are not asked. */
  readonly optionAnswers: Answers;
  readonly formatQuestion: (field: Field) => string;
  readonly propose: (field: Field, answers: Answers) => string;
  /** Derives an answer that needs no question; undefined if the question is needed. */
  readonly derive?: (field: Field, answers: Answers) => Promise<string | undefined>;
  readonly judge: (answers: Answers) => readonly Mistake[];
  readonly ask: Ask;
  readonly show: (text: string) => void;
}

/** More mistakes than any person makes. */
const MISTAKES_MAX = 50;
/** Answers that can contradict each other. */
const RELATED: readonly Field[] = ['router', 'low', 'high', 'staticLow', 'staticHigh'];

const sortFields = (fields: Iterable<Field>): Field[] => {
  const included = new Set(fields);
  return FIELDS.filter((field) => included.has(field));
};

/** @throws RackError `bad-argument` for wrong options or after too many mistakes, `cancelled` */
export async function interview(options: Interview): Promise<Answers> {
  const { optionAnswers, judge, ask, show, formatQuestion, propose } = options;
  const openFields = FIELDS.filter((field) => optionAnswers[field] === undefined);
  refuseOptions(judge(optionAnswers));
  let answers: Answers = optionAnswers;
  let wrongFields: readonly Field[] = [];
  let mistakes = 0;
  /** The valid answers, which are proposed again if another answer was wrong. */
  let validAnswers: Answers = {};
  for (let pendingFields = openFields; pendingFields.length > 0; ) {
    const [field, ...laterFields] = pendingFields;
    if (field === undefined) break;
    const derivedAnswer = wrongFields.includes(field) ? undefined : await options.derive?.(field, answers);
    if (derivedAnswer !== undefined) {
      answers = { ...answers, [field]: derivedAnswer };
      pendingFields = laterFields;
      continue;
    }
    const typedAnswer = answers[field];
    const isWrong = wrongFields.includes(field);
    // In a name or an address, mostly one character is wrong. The mode is one of two words.
    const prefillsTyped = isWrong && field !== 'mode';
    if (field === 'interface') validAnswers = {};
    else if (!isWrong && typedAnswer !== undefined) validAnswers = { ...validAnswers, [field]: typedAnswer };
    const proposal =
      isWrong || typedAnswer === undefined ? (validAnswers[field] ?? propose(field, answers)) : typedAnswer;
    answers = {
      ...answers,
      [field]: await ask(formatQuestion(field), proposal, prefillsTyped ? typedAnswer : undefined),
    };
    pendingFields = laterFields;
    // Open questions are not judged.
    const judgedAnswers = pickAnswers(answers, (answered) => !laterFields.includes(answered));
    const problems = judge(judgedAnswers);
    if (problems.length === 0) continue;
    mistakes += 1;
    if (mistakes > MISTAKES_MAX) throw new RackError('bad-argument', 'no usable answers; nothing was written');
    const problemFields = problems.flatMap(({ fields }) => fields);
    wrongFields = sortFields(problemFields).filter(
      (mistaken) => openFields.includes(mistaken) && isWrongAlone(mistaken, answers, judge),
    );
    const fieldsToRepeat = wrongFields.length > 0 ? wrongFields : findRelated(problemFields, judgedAnswers, openFields);
    if (fieldsToRepeat.length === 0) refuseOptions(problems);
    show(`That does not work:\n${problems.map(({ text }) => `  ${text}`).join('\n')}\nNothing is written yet.`);
    // Another network may have another DHCP server.
    const modeToRepeat = fieldsToRepeat.includes('interface') && openFields.includes('mode') ? (['mode'] as const) : [];
    pendingFields = sortFields([...fieldsToRepeat, ...modeToRepeat, ...laterFields]);
  }
  return answers;
}

const pickAnswers = (answers: Answers, test: (field: Field) => boolean): Answers =>
  Object.fromEntries(
    FIELDS.filter((field) => answers[field] !== undefined && test(field)).map((field) => [field, answers[field]]),
  );

/** True if an answer is wrong even with the interface as the only other answer. */
function isWrongAlone(field: Field, answers: Answers, judge: Interview['judge']): boolean {
  const answerAlone = pickAnswers(answers, (other) => other === field || other === 'interface');
  return judge(answerAlone).some(({ fields }) => fields.includes(field));
}

/** Finds the typed answers that contradict each other or an option. */
function findRelated(
  problemFields: readonly Field[],
  answers: Answers,
  askedFields: readonly Field[],
): readonly Field[] {
  const isTyped = (field: Field): boolean => askedFields.includes(field) && answers[field] !== undefined;
  const related = sortFields([...problemFields, ...RELATED]).filter(isTyped);
  return related.length > 0 || !isTyped('interface') ? related : ['interface'];
}

function refuseOptions(mistakes: readonly Mistake[]): void {
  if (mistakes.length > 0) throw new RackError('bad-argument', mistakes.map(({ text }) => text).join('\n'));
}
