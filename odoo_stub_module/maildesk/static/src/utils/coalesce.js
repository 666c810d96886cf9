/**
 * Run an asynchronous task one at a time, and answer any number of wishes that come in while it runs by exactly one more
 * run: the state that the last wish asked about is always read, and a storm of bus messages costs two requests.
 *
 * @param {() => Promise<void>} task
 * @returns {() => Promise<void>} resolves when a run that began after the call has ended
 */
export function coalesced(task) {
    let running = null;
    let next = null;
    const run = async () => {
        try {
            await task();
        } finally {
            running = next;
            next = null;
        }
    };
    return () => {
        if (!running) {
            running = run();
            return running;
        }
        next ??= running.then(run, run);
        return next;
    };
}
