// Makes the reason of an import (`region/records/import-reason.ts`) from an error or a fault of a download.
//
// 1. The reason omits the directories of the importing host, because everybody who may see the
//    images can read it.

import { basename } from 'node:path';
import { cleanText } from '../../ground/clean-text.ts';
import { assertOutside, errorText, isStoreUnavailable, RackError } from '../../ground/errors.ts';
import { type AttemptFault, DownloadError } from '../../images/download/fault.ts';
import type { ImportReason } from '../../region/records/import-reason.ts';

const TEXT_CHARACTERS_MAX = 1000;
/** Matches an absolute path, but not the path of a URL. */
const PATH = /(?<=^|[\s"'(=])\/[^\s"'(),;:]+/g;

/** Matches the image at the beginning of an error, which is shown next to the reason anyway. */
const NAMED_IMAGE = /^\S+ was not imported: /;

/**
 * Cleans the text of an error. Paths are shortened to their last names. Paths in the boot tree are
 * shortened to their part below it.
 * @param tree undefined if unknown
 */
const cleanErrorText = (error: unknown, tree?: string): string => {
  const shorten = (path: string): string =>
    tree !== undefined && path.startsWith(`${tree}/`) ? path.slice(tree.length + 1) : basename(path);
  return cleanText(errorText(error).replace(NAMED_IMAGE, '').replace(PATH, shorten), TEXT_CHARACTERS_MAX);
};

/** Builds the reason of a failed attempt to fetch a file. */
export function buildDownloadReason(fault: AttemptFault): ImportReason {
  switch (fault.code) {
    case 'no-room': {
      const { freeBytes, neededBytes } = fault.params;
      return { code: 'disk-full', params: { freeBytes, neededBytes } };
    }
    case 'disk-failed':
      return { code: 'disk-failed', params: { said: cleanErrorText(fault.params.detail) } };
    default:
      return { code: 'download', params: { fault } };
  }
}

/**
 * Builds the reason of a failed import. @param tree as for `cleanErrorText` @throws any error that
 * is not a RackError, which is a bug of our own
 */
export function buildFailureReason(error: unknown, tree?: string): ImportReason {
  if (!(error instanceof RackError)) throw error;
  for (const failed of [error, error.cause])
    if (failed instanceof DownloadError) return buildDownloadReason(failed.fault);
  if (error.code === 'already-running') return { code: 'locked', params: {} };
  const params = { said: cleanErrorText(error, tree) };
  if (error.cause instanceof BugError) return { code: 'bug', params: { said: cleanErrorText(error.cause) } };
  if (error.code === 'already-exists') return { code: 'other-bytes', params };
  if (error.code === 'bad-argument') return { code: 'refused', params };
  return { code: 'said', params };
}

const STACK_CHARACTERS_MAX = 2000;

/** A bug of our own that ended one piece of work. */
class BugError extends Error {}

/** A bug of our own, and the name of the import or the source that it ended. */
export interface ReportedBug {
  readonly name: string;
  /** The stack trace, in one line. */
  readonly stack: string;
}

/**
 * Reports bugs of our own that end one piece of work, such as the import of one image, so that
 * other work continues.
 */
export class BugReports {
  readonly #onBug: (bug: ReportedBug) => void;
  #lastReported = '';

  /** @param onBug called for each bug that differs from the last one */
  constructor(onBug: (bug: ReportedBug) => void) {
    this.#onBug = onBug;
  }

  /**
   * Converts an error to the failure of the work. A `RackError` is returned as it is. Any other
   * error is reported. @param name of the image or the source
   */
  toFailure(error: unknown, name: string): RackError {
    if (error instanceof RackError) return error;
    const message = errorText(error);
    const lines = ((error instanceof Error && error.stack) || message).split('\n').map((line) => line.trim());
    const stack = cleanText(lines.join(' '), STACK_CHARACTERS_MAX);
    if (stack !== this.#lastReported) this.#onBug({ name, stack });
    this.#lastReported = stack;
    return new RackError('source-failed', message, { cause: new BugError(message, { cause: error }) });
  }
}

/** Builds a remark on an import that succeeded. */
export const buildRemark = (text: string): ImportReason => ({ code: 'remark', params: { said: cleanErrorText(text) } });

/** Builds the reason why an image could not be deleted. @throws any error that is not of the outside world */
export function buildDeletionReason(error: unknown): ImportReason {
  assertOutside(error);
  return { code: 'not-deleted', params: { said: cleanErrorText(error) } };
}

/**
 * Reports the failures of work that repeats at intervals. Each failure is reported once, until the
 * work has succeeded again.
 */
export class FailureReports {
  readonly #onProblem: (reason: string) => void;
  #lastReported = '';

  constructor(onProblem: (reason: string) => void) {
    this.#onProblem = onProblem;
  }

  /**
   * Reports a failure, unless it is a failure of the store, which reports its own. @throws any
   * error that is not of the outside world, which is a bug of our own
   */
  report(error: unknown): void {
    if (isStoreUnavailable(error)) return;
    assertOutside(error);
    const reason = cleanText(errorText(error), TEXT_CHARACTERS_MAX);
    if (reason === this.#lastReported) return;
    this.#lastReported = reason;
    this.#onProblem(reason);
  }

  clear(): void {
    this.#lastReported = '';
  }
}

/** Builds the reason for a thread that ended unexpectedly. @param error undefined if unknown */
export const buildThreadReason = (error: unknown): ImportReason => ({
  code: 'thread-ended',
  params: { said: error === undefined ? '' : cleanErrorText(error) },
});
