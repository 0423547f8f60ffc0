// Answers that take several turns of the event loop, in the caller's name: lists and searches.

import { type Answer, refuse } from './answer.ts';
import type { ApiCall } from './operation.ts';

/** `username address`: users take turns, and each has a share of the places. */
function formatHolder({ caller, peer }: ApiCall) {
  return `${caller.kind === 'user' ? caller.username : caller.kind} ${peer.share}`;
}

/** A list for the caller. An `undefined` entry was examined and left out. */
export function listFor(call: ApiCall, entries: AsyncIterator<unknown, void>): Answer {
  return { kind: 'list', holder: formatHolder(call), entries };
}

/** The result of a search for the caller, of which each step is a piece. */
export function searchFor(call: ApiCall, steps: AsyncIterator<unknown, Answer>): Promise<Answer> {
  const refused = (): Answer =>
    refuse(
      'lists-limit',
      'Too many searches for machines are under way, and you have used your share: wait until one of yours has ended.',
      { 'Retry-After': '5' },
    );
  return call.region.searches.run(formatHolder(call), steps, refused, call.hasLeft);
}
