// The questions of `rackboot init`: what was typed is kept, and a mistake is asked for again alone.
//
//   ask a question ─→ judge all answers so far ─┬─ fine ───────────────→ the next question, or the end
//         ↑                                     └─ a mistake ─→ told ─→ the questions that it is about, first
//
// 1. Who made a mistake finds the address that they typed in the line, to be mended; what stands in brackets is what Enter takes.
// 2. A mistake that no question can mend (an option was wrong) ends the command.

import { RackError } from '../../errors.ts';

/** What is asked, in this order. */
export const FIELDS = ['interface', 'router', 'low', 'high', 'staticLow', 'staticHigh', 'upstream'] as const;
export type Field = (typeof FIELDS)[number];

/** What is known of the answers. */
export type Answers = Readonly<Partial<Record<Field, string>>>;

/** What is wrong with answers. */
export interface Mistake {
  /** Of these answers. */
  readonly fields: readonly Field[];
  readonly text: string;
}

/** Asks a person. @param proposal what Enter takes  @param wrong what is in the line already, to be mended */
export type Ask = (question: string, proposal: string, wrong?: string) => Promise<string>;

/** What the questions need to know. */
export interface Interview {
  /** Of options: they are not asked for. */
  readonly given: Answers;
  readonly questionOf: (field: Field) => string;
  /** What is proposed while nothing was typed. */
  readonly proposalOf: (field: Field, answers: Answers) => string;
  /** What is wrong with the answers there are. */
  readonly judge: (answers: Answers) => readonly Mistake[];
  readonly ask: Ask;
  readonly tell: (text: string) => void;
}

/** Who makes more mistakes is no person. */
const MISTAKES_MAX = 50;
/** Answers that can be at odds with each other. */
const RELATED: readonly Field[] = ['router', 'low', 'high', 'staticLow', 'staticHigh'];

const inOrder = (fields: Iterable<Field>): Field[] => {
  const wanted = new Set(fields);
  return FIELDS.filter((field) => wanted.has(field));
};

/** All answers, those of a person among them. @throws RackError `bad-argument` when options are wrong or nothing will do, `cancelled` */
export async function interview(terms: Interview): Promise<Answers> {
  const { given, judge, ask, tell, questionOf, proposalOf } = terms;
  const asked = FIELDS.filter((field) => given[field] === undefined);
  refuseOptions(judge(given));
  let answers: Answers = given;
  let wrong: readonly Field[] = [];
  let mistakes = 0;
  for (let open = asked; open.length > 0; ) {
    const [field, ...rest] = open;
    if (field === undefined) break;
    const typed = answers[field];
    const isWrong = wrong.includes(field);
    // A name is typed anew; of an address mostly one figure is wrong.
    const isMended = isWrong && field !== 'interface';
    const proposal = isWrong || typed === undefined ? proposalOf(field, answers) : typed;
    answers = { ...answers, [field]: await ask(questionOf(field), proposal, isMended ? typed : undefined) };
    open = rest;
    // What is still to be asked is not judged, be it for the first time or once more.
    const settled = only(answers, (one) => !rest.includes(one));
    const found = judge(settled);
    if (found.length === 0) continue;
    mistakes += 1;
    if (mistakes > MISTAKES_MAX) throw new RackError('bad-argument', 'no usable answers; nothing was written');
    const named = found.flatMap(({ fields }) => fields);
    wrong = inOrder(named).filter((one) => asked.includes(one) && isWrongAlone(one, answers, judge));
    const again = wrong.length > 0 ? wrong : relatedOf(named, settled, asked);
    if (again.length === 0) refuseOptions(found);
    tell(`That will not do:\n${found.map(({ text }) => `  ${text}`).join('\n')}\nNothing is written yet.`);
    open = inOrder([...again, ...rest]);
  }
  return answers;
}

const only = (answers: Answers, test: (field: Field) => boolean): Answers =>
  Object.fromEntries(
    FIELDS.filter((field) => answers[field] !== undefined && test(field)).map((field) => [field, answers[field]]),
  );

/** True when an answer would be refused with the interface alone beside it. */
function isWrongAlone(field: Field, answers: Answers, judge: Interview['judge']): boolean {
  const alone = only(answers, (one) => one === field || one === 'interface');
  return judge(alone).some(({ fields }) => fields.includes(field));
}

/** Answers of a person that are at odds with each other, or with an option: any of them may be the one that was not meant. */
function relatedOf(named: readonly Field[], answers: Answers, asked: readonly Field[]): readonly Field[] {
  const isTyped = (field: Field): boolean => asked.includes(field) && answers[field] !== undefined;
  const related = inOrder([...named, ...RELATED]).filter(isTyped);
  return related.length > 0 || !isTyped('interface') ? related : ['interface'];
}

function refuseOptions(found: readonly Mistake[]): void {
  if (found.length > 0) throw new RackError('bad-argument', found.map(({ text }) => text).join('\n'));
}
