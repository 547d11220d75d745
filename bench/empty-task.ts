/** A thread's task that has nothing to do. */
export default (): boolean => true
