// Captures the standard output of a command in this process.

/** Runs `action` and captures its output. @returns its result, and the text */
export async function printedBy<T>(action: () => Promise<T>): Promise<{ readonly result: T; readonly text: string }> {
  const written: string[] = [];
  const write = process.stdout.write.bind(process.stdout);
  // The test reports use the same stream, as bytes.
  process.stdout.write = (text: unknown) => {
    if (typeof text === 'string') written.push(text);
    else if (text instanceof Uint8Array) write(text);
    return true;
  };
  try {
    return { result: await action(), text: written.join('') };
  } finally {
    process.stdout.write = write;
  }
}
