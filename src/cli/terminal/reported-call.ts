// What every call of the command line has in common, whichever file runs it: how sentences call
// commands, and how a failure is reported.

import { findOwnDocuments } from '../../control/own-documents.ts';
import { findOwnProgram } from '../../control/own-program.ts';
import { findTypedConfig, formatConfigOption } from '../../control/start-command.ts';
import { RackError, type RackErrorCode } from '../../ground/errors.ts';
import { callCommands, printFailure } from './output.ts';

/** The same words fail again. */
const REFUSED: ReadonlySet<RackErrorCode> = new Set(['bad-argument', 'already-exists']);

/** Runs the command that `args` call, and prints why it failed. @returns the exit code */
export async function reportCall(args: readonly string[], run: () => Promise<number>): Promise<number> {
  const isRoot = process.getuid?.() === 0;
  callCommands(
    { program: findOwnProgram(), config: formatConfigOption(findTypedConfig(args)), isRoot },
    findOwnDocuments(),
  );
  try {
    return await run();
  } catch (error) {
    printFailure(error);
    return error instanceof RackError && REFUSED.has(error.code) ? 2 : 1;
  }
}
