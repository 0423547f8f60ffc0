// The command line. For the calls of the service units (`run --config FILE`, `region run --config FILE`) it loads neither the parser, which
// takes 50 ms of processor time, nor the tables of the other commands.

import { ownProgram } from '../control/own-program.ts';
import { configWords, typedConfig } from '../control/start-command.ts';
import { RackError, type RackErrorCode } from '../errors.ts';
import { nameHelp } from './help.ts';
import { callCommands, printFailure } from './terminal/output.ts';

/** The same words fail again. */
const REFUSED: ReadonlySet<RackErrorCode> = new Set(['bad-argument', 'already-exists']);

/** @returns the exit code */
export async function runCommandLine(written: readonly string[]): Promise<number> {
  const args = nameHelp(written);
  callCommands({ program: ownProgram(), config: configWords(typedConfig(args)), isRoot: process.getuid?.() === 0 });
  try {
    return (await runAsService(args)) ?? (await runAny(args));
  } catch (error) {
    printFailure(error);
    return error instanceof RackError && REFUSED.has(error.code) ? 2 : 1;
  }
}

/** Undefined: these are not the call of a service unit. */
async function runAsService(args: readonly string[]): Promise<number | undefined> {
  const [flag, file] = args.slice(-2);
  const command = args.slice(0, -2).join(' ');
  if (flag !== '--config' || file === undefined) return undefined;
  if (command === 'run') {
    const { runDaemon } = await import('./rack/run.ts');
    return await runDaemon(file);
  }
  if (command === 'region run') {
    const { runRegion } = await import('./region/run.ts');
    return await runRegion(file);
  }
  return undefined;
}

async function runAny(args: readonly string[]): Promise<number> {
  // The parser would turn some words of another program's syntax into options and numbers.
  if (args[0] === 'maas') {
    const { runMaas } = await import('./clients/maas.ts');
    return await runMaas(args.slice(1), runAny);
  }
  const { runCommand } = await import('./commands.ts');
  return await runCommand(args);
}
