// The command line, for every command. The calls of the service units have files of their own,
// which load less (`main.ts`).

import { keepCompiledCode } from '../ground/compiled-code.ts';
import { nameHelp } from './help.ts';
import { reportCall } from './terminal/reported-call.ts';

process.once('exit', keepCompiledCode);

/** @returns the exit code */
export async function runCommandLine(written: readonly string[]): Promise<number> {
  const args = nameHelp(written);
  return await reportCall(args, () => runAny(args));
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
