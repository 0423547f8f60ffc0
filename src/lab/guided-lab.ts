// `npm start`: a lab on this host's loopback, with one rack and one simulated machine, or several
// of each (a fleet). Any user can run it.
//
//   ports are free ─▶ files ─▶ racks ─▶ the region answers ─▶ machines enlist and reach their goals ─▶ what to try next
//                                            └─ from here on events are reported ────────────────────▶ Ctrl-C: what was removed
//
// 1. Until the region answers, the lab reports only that it starts.
// 2. However the lab ends, its racks, machines and files are removed.
// 3. Suggestions follow the report of the enlisted machine.

import { Resolver } from 'node:dns/promises';
import { rmSync } from 'node:fs';
import { findOwnProgram } from '../control/own-program.ts';
import { systemClock } from '../ground/clock.ts';
import { RackError } from '../ground/errors.ts';
import { keyPart } from '../region/accounts/accounts.ts';
import { DaemonProcess, type LogLine } from './daemon-process.ts';
import { Enlistment } from './enlistment.ts';
import { Fleet } from './fleet.ts';
import { type PlannedMachine, planFleet } from './fleet-plan.ts';
import { reportEvents } from './lab-events.ts';
import { LAB_SYSTEM, type LabFiles, type LabRack, makeLabFiles, rackPlace } from './lab-files.ts';
import { checkPorts } from './lab-ports.ts';
import { type LabMachine, LabRegion } from './lab-region.ts';
import { formatFleetProgress, nextSteps, openingWords, removedWords, stepWords } from './lab-words.ts';
import type { Narrator } from './narrator.ts';
import { simulatedHardware } from './simulated-hardware.ts';
import { WebhookPower } from './webhook-power.ts';

interface LabSize {
  readonly machines: number;
  readonly racks: number;
}

const TOKEN_CHARACTERS = 32;
const REGION_MS_MAX = 60_000;
const PINO_ERROR = 50;
/** Machines between two progress lines. */
const FLEET_REPORT_EVERY = 5;

/**
 * Runs the lab until `interrupted` settles, as after Ctrl-C. @throws RackError if it cannot start
 */
export async function runGuidedLab(size: LabSize, narrator: Narrator, interrupted: Promise<void>): Promise<void> {
  await checkPorts(Array.from({ length: size.racks }, (_, index) => ({ place: rackPlace(index) })));
  const lab = new GuidedLab(size, narrator, interrupted);
  try {
    await Promise.race([lab.run(), interrupted]);
    await interrupted;
  } finally {
    await lab.end();
  }
}

class GuidedLab {
  readonly #size: LabSize;
  readonly #narrator: Narrator;
  readonly #stop = new AbortController();
  readonly #daemons: DaemonProcess[] = [];
  readonly #enlistment = new Enlistment();
  #files: LabFiles | undefined;
  #power: WebhookPower | undefined;
  #fleet: Fleet | undefined;
  #running: Promise<void> = Promise.resolve();
  #goalsReached = 0;

  constructor(size: LabSize, narrator: Narrator, interrupted: Promise<void>) {
    this.#size = size;
    this.#narrator = narrator;
    void interrupted.then(() => this.#stop.abort());
  }

  get #isFleet(): boolean {
    return this.#size.machines > 1;
  }

  run(): Promise<void> {
    this.#running = this.#run();
    return this.#running;
  }

  async end(): Promise<void> {
    this.#stop.abort();
    await this.#close();
    // Close again: processes that were starting may run now.
    await this.#running.catch(() => undefined);
    await this.#close();
    if (this.#files === undefined) return;
    rmSync(this.#files.directory, { recursive: true, force: true });
    const { machines, racks } = this.#size;
    this.#narrator.tell('lab', removedWords(machines, racks, this.#files.directory));
  }

  async #close(): Promise<void> {
    await this.#fleet?.close();
    this.#power?.close();
    await Promise.all(this.#daemons.splice(0).map((daemon) => daemon.stop()));
    this.#fleet = undefined;
    this.#power = undefined;
  }

  async #run(): Promise<void> {
    const { machines, racks } = this.#size;
    this.#narrator.tell('lab', openingWords(machines, racks));
    const files = await makeLabFiles(racks);
    this.#files = files;
    const [firstRack, ...otherRacks] = files.racks;
    if (firstRack === undefined) return;
    const region = new LabRegion(firstRack.stateDir);
    await this.#startFirst(firstRack);
    const hint = this.#isFleet ? `: sign in as ${files.user} with the password ${files.password}` : '';
    this.#narrator.tell('lab', `The region answers at ${regionPageUrl(firstRack)}${hint}`);
    // A fleet has too many events to read.
    if (!this.#isFleet)
      void reportEvents(firstRack.stateDir, this.#narrator, this.#stop.signal, (name, words) => {
        this.#enlistment.observeLine(words);
        void this.#reportName(name, words);
      });
    for (const rack of otherRacks) {
      await this.#start(rack);
      await region.acceptRack(rack.name, rack.stateDir);
      this.#narrator.tell('rack', `${rack.name} serves ${rack.place.octets}.0/22; the region has accepted it`);
    }
    await this.#runFleet(files, region);
  }

  async #runFleet(files: LabFiles, region: LabRegion): Promise<void> {
    const { machines, racks } = this.#size;
    this.#power = new WebhookPower('127.0.0.1', keyPart(systemClock, TOKEN_CHARACTERS));
    await this.#power.listen();
    const isFleet = this.#isFleet;
    let lastMachine: LabMachine | undefined;
    const fleetDeps = {
      files,
      region,
      power: this.#power,
      onStep: (mac: string, step: Parameters<typeof stepWords>[0]): void => {
        const words = isFleet || this.#goalsReached > 0 ? undefined : stepWords(step);
        const subject = step.name === 'power-on' ? `The simulated machine ${mac}` : 'It';
        if (words !== undefined) this.#narrator.tell('machine', `${subject} ${words}`);
      },
      onGoalReached: (machine: LabMachine): void => {
        lastMachine = machine;
        this.#goalsReached += 1;
        const isReportDue = this.#goalsReached === machines || this.#goalsReached % FLEET_REPORT_EVERY === 0;
        if (isFleet && isReportDue) this.#narrator.tell('lab', formatFleetProgress(this.#goalsReached, machines));
      },
      onProblem: (text: string): void => this.#narrator.tell('problem', text),
    };
    const singleMachine: PlannedMachine = { hostname: 'machine', kind: simulatedHardware(0), goal: 'new', rack: 0 };
    this.#fleet = await Fleet.open(fleetDeps, isFleet ? planFleet(machines, racks) : [singleMachine]);
    await this.#fleet.bringAllToGoals(isFleet);
    if (!isFleet) await this.#enlistment.whenReported(systemClock, this.#stop.signal);
    if (!this.#stop.signal.aborted) this.#showNextSteps(files, isFleet ? undefined : lastMachine?.hostname);
  }

  #showNextSteps(files: LabFiles, machine: string | undefined): void {
    const [firstRack] = files.racks;
    if (firstRack === undefined) return;
    const { user, password, userData } = files;
    const commandParts = { program: findOwnProgram(), system: LAB_SYSTEM, machine };
    this.#narrator.show(
      nextSteps({
        pageUrl: regionPageUrl(firstRack),
        user,
        password,
        configFile: firstRack.configFile,
        userData,
        ...commandParts,
      }),
    );
  }

  /** Starts the first rack, and waits until the region answers. */
  async #startFirst(rack: LabRack): Promise<void> {
    const regionUp = Promise.withResolvers<void>();
    await this.#start(rack, ({ event }) => {
      if (event === 'region.up') regionUp.resolve();
    });
    const timer = systemClock.schedule(REGION_MS_MAX, () =>
      regionUp.reject(new RackError('not-running', `the region did not answer within ${REGION_MS_MAX / 1000} s`)),
    );
    this.#stop.signal.addEventListener('abort', () => regionUp.reject(new RackError('not-running', 'the lab ends')));
    await regionUp.promise.finally(() => timer.cancel());
  }

  async #start(rack: LabRack, onLine: (line: LogLine) => void = () => undefined): Promise<void> {
    const daemon = await DaemonProcess.start({
      config: rack.configFile,
      onLine: (line) => {
        // Racks stop one after another, and one may report that another is gone.
        const isProblem = line.level >= PINO_ERROR && !this.#stop.signal.aborted;
        if (isProblem) this.#narrator.tell('problem', `${rack.name}: ${line.msg}`);
        onLine(line);
      },
      onExit: (code) => {
        if (!this.#stop.signal.aborted)
          this.#narrator.tell('problem', `${rack.name} has ended with ${code}. Ctrl-C ends the lab.`);
      },
    });
    this.#daemons.push(daemon);
    this.#stop.signal.throwIfAborted();
  }

  /** Looks a deployed machine up in the rack's DNS. */
  async #reportName(hostname: string, words: string): Promise<void> {
    if (words !== 'is Deployed') return;
    const { octets, dnsPort } = rackPlace(0);
    const resolver = new Resolver();
    resolver.setServers([`${octets}.1:${dnsPort}`]);
    const name = `${hostname.split('.')[0]}.maas`;
    const addresses = await resolver.resolve4(name).catch(() => []);
    const query = `(dig -p ${dnsPort} @${octets}.1 ${name})`;
    if (addresses.length > 0)
      this.#narrator.tell('rack', `answers in DNS: ${name} is ${addresses.join(', ')} ${query}`);
  }
}

const regionPageUrl = ({ place }: LabRack): string => `http://127.0.0.1:${place.regionPort}/MAAS/`;
