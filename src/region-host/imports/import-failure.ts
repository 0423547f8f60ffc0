// Makes the reason of an import (`region/records/import-reason.ts`) from an error or a fault of a download.
//
// 1. The reason omits the directories of the importing host, because everybody who may see the
//    images reads it.

import { basename } from 'node:path';
import { cleanText } from '../../ground/clean-text.ts';
import { assertOutside, errorText, isStoreUnavailable, RackError } from '../../ground/errors.ts';
import { type AttemptFault, DownloadError } from '../../images/download/fault.ts';
import type { ImportReason } from '../../region/records/import-reason.ts';

const SAID_CHARACTERS_MAX = 1000;
/** An absolute path, but not that of a URL. */
const PATH = /(?<=^|[\s"'(=])\/[^\s"'(),;:]+/g;

/** The image at the beginning of an error, which is shown next to the reason. */
const NAMED = /^\S+ was not imported: /;

/**
 * The text of an error, cleaned. Of its paths only the last names are left, but paths in the boot
 * tree are whole below it.
 * @param tree undefined: none is known
 */
const saidBy = (error: unknown, tree?: string): string => {
  const shorten = (path: string): string =>
    tree !== undefined && path.startsWith(`${tree}/`) ? path.slice(tree.length + 1) : basename(path);
  return cleanText(errorText(error).replace(NAMED, '').replace(PATH, shorten), SAID_CHARACTERS_MAX);
};

/** The reason of a failed attempt to fetch a file. */
export function downloadReason(fault: AttemptFault): ImportReason {
  switch (fault.code) {
    case 'no-room': {
      const { freeBytes, neededBytes } = fault.params;
      return { code: 'disk-full', params: { freeBytes, neededBytes } };
    }
    case 'disk-failed':
      return { code: 'disk-failed', params: { said: saidBy(fault.params.detail) } };
    default:
      return { code: 'download', params: { fault } };
  }
}

/** The reason of a failed import. @param tree as for `saidBy` @throws any other error: it is our own bug */
export function failureReason(error: unknown, tree?: string): ImportReason {
  if (!(error instanceof RackError)) throw error;
  for (const failed of [error, error.cause]) if (failed instanceof DownloadError) return downloadReason(failed.fault);
  if (error.code === 'already-running') return { code: 'locked', params: {} };
  const params = { said: saidBy(error, tree) };
  if (error.cause instanceof OwnError) return { code: 'bug', params: { said: saidBy(error.cause) } };
  if (error.code === 'already-exists') return { code: 'other-bytes', params };
  if (error.code === 'bad-argument') return { code: 'refused', params };
  return { code: 'said', params };
}

const STACK_CHARACTERS_MAX = 2000;

/** An error of our own that ended one piece of work. */
class OwnError extends Error {}

/** An error of our own, and the import or the source that it ended. */
export interface OwnBug {
  readonly name: string;
  /** In one line. */
  readonly stack: string;
}

/**
 * Takes errors of our own that end one piece of work, such as the import of one image, so that the
 * others continue.
 */
export class OwnErrors {
  readonly #onBug: (bug: OwnBug) => void;
  #reported = '';

  /** @param onBug called for each of them that differs from the last one */
  constructor(onBug: (bug: OwnBug) => void) {
    this.#onBug = onBug;
  }

  /**
   * The failure of the work: a `RackError` as it is; any other error is reported. @param name that
   * of the image or the source
   */
  take(error: unknown, name: string): RackError {
    if (error instanceof RackError) return error;
    const message = errorText(error);
    const lines = ((error instanceof Error && error.stack) || message).split('\n').map((line) => line.trim());
    const stack = cleanText(lines.join(' '), STACK_CHARACTERS_MAX);
    if (stack !== this.#reported) this.#onBug({ name, stack });
    this.#reported = stack;
    return new RackError('source-failed', message, { cause: new OwnError(message, { cause: error }) });
  }
}

/** A remark on an import that succeeded. */
export const buildRemark = (text: string): ImportReason => ({ code: 'remark', params: { said: saidBy(text) } });

/** The reason why an image could not be deleted. @throws any error that is not of the outside world */
export function deletionReason(error: unknown): ImportReason {
  assertOutside(error);
  return { code: 'not-deleted', params: { said: saidBy(error) } };
}

/** Reports the failures of work that repeats at intervals: each once, until the work has succeeded again. */
export class FailureReports {
  readonly #onProblem: (reason: string) => void;
  #reported = '';

  constructor(onProblem: (reason: string) => void) {
    this.#onProblem = onProblem;
  }

  /**
   * Notes a failure. The store reports its own failures. @throws any error that is not of the
   * outside world: it is our own bug
   */
  note(error: unknown): void {
    if (isStoreUnavailable(error)) return;
    assertOutside(error);
    const reason = cleanText(errorText(error), SAID_CHARACTERS_MAX);
    if (reason === this.#reported) return;
    this.#reported = reason;
    this.#onProblem(reason);
  }

  end(): void {
    this.#reported = '';
  }
}

/** The reason of a thread that ended unexpectedly. @param error `undefined`: unknown */
export const threadReason = (error: unknown): ImportReason => ({
  code: 'thread-ended',
  params: { said: error === undefined ? '' : saidBy(error) },
});
