// The questions of `rackboot init`: only mistakes are asked again, with the typed text in the line; earlier answers are kept.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Answers,
  type Field,
  type Interview,
  interview,
  type Mistake,
} from '../../../src/cli/config/init-questions.ts';

/** Numbers from 1 to 99 replace addresses: the low end is not above the high end, and the ranges do not overlap. */
function judge(answers: Answers): readonly Mistake[] {
  const found: Mistake[] = [];
  const number = (field: Field): number | undefined => {
    const value = answers[field];
    if (value === undefined) return undefined;
    if (Number(value) > 0 && Number(value) < 100) return Number(value);
    found.push({ fields: [field], text: `${field}: ${value} is not from 1 to 99` });
    return undefined;
  };
  if (answers.interface !== undefined && !/^eth\d$/.test(answers.interface))
    found.push({ fields: ['interface'], text: `${answers.interface} is not an interface` });
  const [low, high, first, last] = [number('low'), number('high'), number('staticLow'), number('staticHigh')];
  if (low !== undefined && high !== undefined && low > high)
    found.push({ fields: ['low'], text: `low: ${low} is above ${high}` });
  if (low !== undefined && high !== undefined && first !== undefined && last !== undefined)
    if (low <= last && first <= high) found.push({ fields: ['staticLow'], text: 'the ranges share addresses' });
  return found;
}

/** The questions, and the user's input. */
type Script = readonly (readonly [asked: string, typed: string])[];

async function play(script: Script, given: Answers = {}): Promise<{ answers: Answers; reported: readonly string[] }> {
  const reported: string[] = [];
  const rest = [...script];
  const ask: Interview['ask'] = (question, proposal, wrong) => {
    const [expected, typed = ''] = rest.shift() ?? ['nothing', ''];
    assert.equal(`${question} [${proposal}]${wrong === undefined ? '' : ` ${wrong}`}`, expected);
    return Promise.resolve(typed === '' ? proposal : typed);
  };
  const answers = await interview({
    optionAnswers: given,
    judge,
    ask,
    // Nobody else gives addresses.
    derive: (field) => Promise.resolve(field === 'mode' ? 'server' : undefined),
    formatQuestion: (field) => field,
    propose: (field) =>
      ({ interface: 'eth0', low: '50', high: '99', staticLow: '1', staticHigh: '49' })[field as 'low'] ?? '-',
    show: (text) => void reported.push(text),
  });
  assert.deepEqual(rest, [], 'every question was asked');
  return { answers, reported };
}

const ENTERED = {
  interface: 'eth0',
  mode: 'server',
  router: '-',
  low: '50',
  high: '99',
  staticLow: '1',
  staticHigh: '49',
  upstream: '-',
};

test('without mistakes each question is asked once, except those answered by an option', async () => {
  const { answers, reported } = await play(
    [
      ['router [-]', ''],
      ['high [99]', '60'],
      ['staticLow [1]', ''],
      ['staticHigh [49]', ''],
      ['upstream [-]', '192.0.2.53'],
    ],
    { interface: 'eth0', low: '50' },
  );
  assert.deepEqual(answers, { ...ENTERED, high: '60', upstream: '192.0.2.53' });
  assert.deepEqual(reported, []);
});

test('only a wrong answer is asked again, at once, with what was typed in the line', async () => {
  const { answers, reported } = await play([
    ['interface [eth0]', 'br1'],
    ['interface [eth0] br1', ''],
    ['router [-]', ''],
    ['low [50]', '500'],
    ['low [50] 500', '60'],
    ['high [99]', ''],
    ['staticLow [1]', ''],
    ['staticHigh [49]', ''],
    ['upstream [-]', ''],
  ]);
  assert.deepEqual(answers, { ...ENTERED, low: '60' });
  assert.deepEqual(reported, [
    'That does not work:\n  br1 is not an interface\nNothing is written yet.',
    'That does not work:\n  low: 500 is not from 1 to 99\nNothing is written yet.',
  ]);
});

test('answers that contradict each other are all asked again; Enter keeps each', async () => {
  const { answers, reported } = await play([
    ['interface [eth0]', ''],
    ['router [-]', '7'],
    ['low [50]', '30'],
    ['high [99]', '20'],
    ['router [7]', ''],
    ['low [30]', ''],
    ['high [20]', '39'],
    ['staticLow [1]', '35'],
    ['staticHigh [49]', '60'],
    ['router [7]', ''],
    ['low [30]', ''],
    ['high [39]', ''],
    ['staticLow [35]', '40'],
    ['staticHigh [60]', ''],
    ['upstream [-]', ''],
  ]);
  const expected = { ...ENTERED, router: '7', low: '30', high: '39', staticLow: '40', staticHigh: '60' };
  assert.deepEqual(answers, expected);
  assert.equal(reported.length, 2);
});

test('wrong options end it before the first question; if an option contradicts an answer, the answer is asked again', async () => {
  await assert.rejects(play([], { low: '500' }), { code: 'bad-argument', message: 'low: 500 is not from 1 to 99' });
  await assert.rejects(play([], { low: '50', high: '40' }), { message: 'low: 50 is above 40' });
  const { answers } = await play(
    [
      ['interface [eth0]', ''],
      ['router [-]', ''],
      ['high [99]', '40'],
      ['router [-]', ''],
      ['high [40]', '60'],
      ['staticLow [1]', ''],
      ['staticHigh [49]', ''],
      ['upstream [-]', ''],
    ],
    { low: '50' },
  );
  assert.equal(answers.high, '60');
});

test('the questions end after too many unusable answers', async () => {
  const ask = (): Promise<string> => Promise.resolve('br1');
  const terms = { optionAnswers: {}, judge, ask, formatQuestion: String, propose: () => 'eth0', show: () => undefined };
  await assert.rejects(interview(terms), { code: 'bad-argument', message: /nothing was written/ });
});

test('after a contradiction a wrong answer does not lose the former one', async () => {
  const { answers } = await play(
    [
      ['low [50]', '70'],
      ['high [99]', '60'],
      ['low [70]', 'x'],
      ['low [70] x', '20'],
      ['high [60]', ''],
      ['staticLow [1]', ''],
      ['staticHigh [49]', '10'],
    ],
    { interface: 'eth0', mode: 'server', router: '-', upstream: '-' },
  );
  assert.deepEqual([answers.low, answers.high], ['20', '60']);
});
