// Why published SSH keys cannot be read.

import type { AttemptFault } from '../../../images/download/fault.ts';
import { describeAttemptFault } from '../../../images/download/fault-words.ts';

/** The fault of a list of published keys. */
export type KeysFault =
  /** No complete answer within `seconds`. */
  | { readonly code: 'late'; readonly seconds: number }
  | { readonly code: 'status'; readonly host: string; readonly status: number }
  /** The list is too large to read, or the connection ended before the end of the list. */
  | { readonly code: 'not-whole'; readonly host: string }
  | { readonly code: 'no-answer'; readonly fault: AttemptFault };

/** The fault, as part of a sentence. */
export function keysFaultText(fault: KeysFault): string {
  switch (fault.code) {
    case 'late':
      return `no answer within ${fault.seconds} s`;
    case 'status':
      return `${fault.host} answered ${fault.status}`;
    case 'not-whole':
      return `${fault.host} sent too much, or closed the connection early`;
    case 'no-answer':
      return describeAttemptFault(fault.fault);
  }
}
