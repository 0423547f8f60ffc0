// Chooses the environment's modules from a kernel package, and writes the index files of modprobe.
//
// Sources: depmod(8), modules.dep(5), modprobe.d(5).
//
// 1. Dependencies are chosen, too; one that the package lacks is compiled into the kernel.
// 2. modules.dep lists each dependency before its own dependencies, as depmod does: modprobe loads
//    the list from its end.
// 3. The text does not depend on the order in which modules were found.

import { type ModuleInfo, moduleName } from './kernel-module.ts';

/** Reads a module by its path below `/lib/modules/VERSION`. */
type ReadModule = (path: string) => Promise<ModuleInfo>;

export interface ChosenModule {
  /** Below `/lib/modules/VERSION`, without the suffix of compression. */
  readonly path: string;
  /** In the package, with that suffix. */
  readonly source: string;
  readonly info: ModuleInfo;
}

export interface ModuleChoice {
  readonly directories: readonly string[];
  readonly without: readonly string[];
  readonly names: readonly string[];
  /** Omitted unless a firmware file that they name exists. */
  readonly withFirmware: readonly string[];
}

/**
 * Chooses modules and their dependencies. @param paths of all modules in the package @returns
 * sorted by path
 */
export async function chooseModules(
  paths: readonly string[],
  choice: ModuleChoice,
  readModule: ReadModule,
  hasFirmware: (name: string) => boolean,
): Promise<ChosenModule[]> {
  const byName = new Map(paths.map((path) => [moduleName(path), path]));
  const names = new Set(choice.names.map(moduleName));
  const pending = paths.filter((path) => names.has(moduleName(path)) || isInDirectory(path, choice));
  const chosen = new Map<string, ChosenModule>();
  for (let source = pending.pop(); source !== undefined; source = pending.pop()) {
    if (chosen.has(source)) continue;
    const info = await readModule(source);
    if (choice.withFirmware.includes(info.name) && !info.firmware.some(hasFirmware)) continue;
    chosen.set(source, { path: source.replace(/\.ko\.\w+$/, '.ko'), source, info });
    for (const name of [...info.depends, ...info.softDepends]) {
      const module = byName.get(name);
      if (module !== undefined) pending.push(module);
    }
  }
  return [...chosen.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

function isInDirectory(path: string, choice: ModuleChoice): boolean {
  const under = (directory: string): boolean => {
    const prefix = `kernel/${directory}`;
    return path.startsWith(prefix) && /^[/.]/.test(path.slice(prefix.length));
  };
  return choice.directories.some(under) && !choice.without.some(under);
}

export function renderDependencies(modules: readonly ChosenModule[]): string {
  const byName = new Map(modules.map((module) => [module.info.name, module]));
  const lines = modules.map((module) => {
    const needed = listDependencies(module, byName).map((dependency) => ` ${dependency.path}`);
    return `${module.path}:${needed.join('')}\n`;
  });
  return lines.join('');
}

/** All dependencies of a module, each before its own dependencies. */
function listDependencies(module: ChosenModule, byName: ReadonlyMap<string, ChosenModule>): ChosenModule[] {
  const finished: ChosenModule[] = [];
  const seen = new Set<ChosenModule>([module]);
  const visit = (from: ChosenModule): void => {
    for (const name of from.info.depends) {
      const next = byName.get(name);
      if (next === undefined || seen.has(next)) continue;
      seen.add(next);
      visit(next);
    }
    if (from !== module) finished.push(from);
  };
  visit(module);
  return finished.reverse();
}

export function renderAliases(modules: readonly ChosenModule[]): string {
  const lines = modules.flatMap(({ info }) =>
    info.aliases.filter((alias) => /^\S+$/.test(alias)).map((alias) => `alias ${alias} ${info.name}\n`),
  );
  return lines.join('');
}
