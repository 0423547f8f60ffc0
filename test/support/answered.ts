// The status of an answer, asserted where the request is made.

import assert from 'node:assert/strict';

interface Answer {
  readonly status: number;
  readonly text?: unknown;
}

/** Asserts the status of an answer, and shows its text otherwise. @returns the answer */
export async function assertStatus<A extends Answer>(answered: Promise<A>, status: number, what?: string): Promise<A> {
  const answer = await answered;
  assert.equal(answer.status, status, what ?? (typeof answer.text === 'string' ? answer.text : undefined));
  return answer;
}
