// The times and bounds of downloads.

/** An HTTP proxy, as `http_proxy`, `https_proxy` and `no_proxy` name it. */
export interface ProxySettings {
  /** For http URLs; undefined: none. */
  readonly http: string | undefined;
  /** For https URLs, by CONNECT; undefined: none. */
  readonly https: string | undefined;
  /** Hosts without a proxy: names, `.domain`, addresses, separated by commas. */
  readonly except: string | undefined;
}

export interface DownloadSettings {
  readonly filesOfHostMax: number;
  /** All downloads share it; undefined: unlimited. */
  readonly bytesPerSecondMax: number | undefined;
  readonly proxy: ProxySettings;
  /** PEM certificates; undefined: Node's, and the system's if those do not suffice. */
  readonly authorities?: readonly string[] | undefined;
  /** The timeout of a connection. */
  readonly connectMs: number;
  /** The timeout of the header after that. */
  readonly answerMs: number;
  /** A longer silence in a body ends the attempt. */
  readonly stallMs: number;
  /** An attempt ends if fewer bytes per second arrive over `slowMs`. */
  readonly bytesPerSecondMin: number;
  readonly slowMs: number;
  /** Bounds the reading of one document; a file may be large, and has no such bound. */
  readonly documentMsMax: number;
  /** The pause after the first round without progress; it doubles up to `pauseMsMax`. */
  readonly pauseMs: number;
  readonly pauseMsMax: number;
  /** A download fails after so many rounds without progress; a round tries every source once. */
  readonly roundsMax: number;
}

export const NO_PROXY: ProxySettings = { http: undefined, https: undefined, except: undefined };

export const DEFAULT_SETTINGS: DownloadSettings = {
  filesOfHostMax: 2,
  bytesPerSecondMax: undefined,
  proxy: NO_PROXY,
  connectMs: 15_000,
  answerMs: 30_000,
  stallMs: 30_000,
  // Slower than a modem: at this rate an image of 500 MB takes more than a day.
  bytesPerSecondMin: 4096,
  slowMs: 120_000,
  // Enough for 12 MB, the largest known document, at 20 kB a second.
  documentMsMax: 600_000,
  pauseMs: 1000,
  pauseMsMax: 60_000,
  roundsMax: 8,
};

const OWN_HOST = 'localhost,127.0.0.1';

/** The proxy of the environment, else the site's. @param httpProxy the site's proxy; empty: none */
export function chooseProxy(
  httpProxy: string,
  environment: Readonly<Record<string, string | undefined>>,
): ProxySettings {
  const own = proxyOfEnvironment(environment);
  if (httpProxy === '' || own.http !== undefined || own.https !== undefined) return own;
  return { http: httpProxy, https: httpProxy, except: own.except ?? OWN_HOST };
}

/** Lower-case names take precedence, as in curl. */
export function proxyOfEnvironment(environment: Readonly<Record<string, string | undefined>>): ProxySettings {
  const value = (name: string): string | undefined => environment[name] || environment[name.toUpperCase()] || undefined;
  return { http: value('http_proxy'), https: value('https_proxy'), except: value('no_proxy') };
}
