// Chooses the environment's modules from a kernel package, and writes the index files of modprobe.
//
// Sources: depmod(8), modules.dep(5), modprobe.d(5).
//
// 1. Dependencies are chosen, too. A dependency that the package lacks is compiled into the kernel.
// 2. modules.dep lists each dependency before its own dependencies, as depmod does: modprobe loads
//    the list from its end.
// 3. The text does not depend on the order in which modules were found.

import { type ModuleInfo, normaliseModuleName } from './kernel-module.ts';

/** Reads a module by its path below `/lib/modules/VERSION`. */
type ReadModule = (path: string) => Promise<ModuleInfo>;

export interface ChosenModule {
  /** The path below `/lib/modules/VERSION`, without the suffix of compression. */
  readonly path: string;
  /** The path in the package, with the suffix of compression. */
  readonly sourcePath: string;
  readonly info: ModuleInfo;
}

export interface ModuleChoice {
  readonly directories: readonly string[];
  readonly excludedDirectories: readonly string[];
  readonly names: readonly string[];
  /** Modules that are omitted unless a firmware file that they name exists. */
  readonly namesNeedingFirmware: readonly string[];
}

/**
 * Chooses modules and their dependencies. @param paths of all modules in the package @returns the
 * modules, sorted by path
 */
export async function chooseModules(
  paths: readonly string[],
  choice: ModuleChoice,
  readModule: ReadModule,
  hasFirmware: (name: string) => boolean,
): Promise<ChosenModule[]> {
  const byName = new Map(paths.map((path) => [normaliseModuleName(path), path]));
  const names = new Set(choice.names.map(normaliseModuleName));
  const pending = paths.filter((path) => names.has(normaliseModuleName(path)) || isInDirectory(path, choice));
  const chosen = new Map<string, ChosenModule>();
  for (let source = pending.pop(); source !== undefined; source = pending.pop()) {
    if (chosen.has(source)) continue;
    const info = await readModule(source);
    if (choice.namesNeedingFirmware.includes(info.name) && !info.firmware.some(hasFirmware)) continue;
    chosen.set(source, { path: source.replace(/\.ko\.\w+$/, '.ko'), sourcePath: source, info });
    for (const name of [...info.depends, ...info.softDepends]) {
      const module = byName.get(name);
      if (module !== undefined) pending.push(module);
    }
  }
  return [...chosen.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

function isInDirectory(path: string, choice: ModuleChoice): boolean {
  const isUnder = (directory: string): boolean => {
    const prefix = `kernel/${directory}`;
    return path.startsWith(prefix) && /^[/.]/.test(path.slice(prefix.length));
  };
  return choice.directories.some(isUnder) && !choice.excludedDirectories.some(isUnder);
}

export function renderDependencies(modules: readonly ChosenModule[]): string {
  const byName = new Map(modules.map((module) => [module.info.name, module]));
  const lines = modules.map((module) => {
    const dependencies = listDependencies(module, byName).map((dependency) => ` ${dependency.path}`);
    return `${module.path}:${dependencies.join('')}\n`;
  });
  return lines.join('');
}

/** Lists all dependencies of a module, each before its own dependencies. */
function listDependencies(module: ChosenModule, byName: ReadonlyMap<string, ChosenModule>): ChosenModule[] {
  const finished: ChosenModule[] = [];
  const seen = new Set<ChosenModule>([module]);
  const visit = (dependent: ChosenModule): void => {
    for (const name of dependent.info.depends) {
      const dependency = byName.get(name);
      if (dependency === undefined || seen.has(dependency)) continue;
      seen.add(dependency);
      visit(dependency);
    }
    if (dependent !== module) finished.push(dependent);
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
