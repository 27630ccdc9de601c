import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.hadoop.yarn.api.records.Priority;
import org.apache.hadoop.yarn.api.records.Resource;
import org.apache.hadoop.yarn.api.records.ResourceInformation;
import org.apache.hadoop.yarn.server.resourcemanager.scheduler.fair.FSSchedulerNode;
import org.apache.hadoop.yarn.server.resourcemanager.scheduler.fair.Schedulable;
import org.apache.hadoop.yarn.server.resourcemanager.scheduler.fair.policies.ComputeFairShares;

/**
 * Lets the FairScheduler's own code divide one resource between queues of one level, in a warm JVM.
 *
 * <p>Reads sets from a file: a line with the number of queues and the total, then a weight in each line. Writes for each
 * set a line with the nanoseconds of every measured call, then a share in each line. What is right or wrong about the
 * shares is judged by whoever asked.
 */
public final class ComputeFairSharesBench {
  private static final long WARM_UP_NS = 2_000_000_000L;
  private static final long MEASURE_NS = 2_000_000_000L;
  private static final int LEAST_WARM_UPS = 5;
  private static final int LEAST_CALLS = 5;
  private static final int MOST_CALLS = 1001;

  public static void main(String[] words) throws IOException {
    try (BufferedReader sets = Files.newBufferedReader(Path.of(words[0]));
        PrintWriter answers = new PrintWriter(Files.newBufferedWriter(Path.of(words[1])))) {
      for (String line = sets.readLine(); line != null; line = sets.readLine()) {
        String[] head = line.split(" ");
        Resource total = Resource.newInstance(Long.parseLong(head[1]), 0);
        List<Queue> queues = read(sets, Integer.parseInt(head[0]));
        warmUp(queues, total);
        for (long took : measure(queues, total)) {
          answers.print(took + " ");
        }
        answers.println();
        queues.forEach(queue -> answers.println(queue.share.getMemorySize()));
      }
    }
  }

  private static List<Queue> read(BufferedReader sets, int count) throws IOException {
    List<Queue> queues = new ArrayList<>(count);
    for (int number = 0; number < count; number++) {
      queues.add(new Queue("q" + number, Float.parseFloat(sets.readLine())));
    }
    return queues;
  }

  /** Calls until the compiler has had its time. */
  private static void warmUp(List<Queue> queues, Resource total) {
    long endsAt = System.nanoTime() + WARM_UP_NS;
    for (int call = 0; call < LEAST_WARM_UPS || System.nanoTime() < endsAt; call++) {
      timed(queues, total);
    }
  }

  private static List<Long> measure(List<Queue> queues, Resource total) {
    List<Long> took = new ArrayList<>();
    long endsAt = System.nanoTime() + MEASURE_NS;
    while (took.size() < LEAST_CALLS || (took.size() < MOST_CALLS && System.nanoTime() < endsAt)) {
      took.add(timed(queues, total));
    }
    return took;
  }

  private static long timed(List<Queue> queues, Resource total) {
    long started = System.nanoTime();
    ComputeFairShares.computeShares(queues, total, ResourceInformation.MEMORY_URI);
    return System.nanoTime() - started;
  }

  /** A queue that wants everything, has no guarantee and no ceiling. */
  private static final class Queue implements Schedulable {
    private static final Resource NOTHING = Resource.newInstance(0, 0);
    private static final Resource EVERYTHING = Resource.newInstance(Long.MAX_VALUE, Integer.MAX_VALUE);

    private final String name;
    private final float weight;
    private Resource share = Resource.newInstance(0, 0);

    Queue(String name, float weight) {
      this.name = name;
      this.weight = weight;
    }

    @Override
    public String getName() {
      return name;
    }

    @Override
    public float getWeight() {
      return weight;
    }

    @Override
    public Resource getDemand() {
      return EVERYTHING;
    }

    @Override
    public Resource getMinShare() {
      return NOTHING;
    }

    @Override
    public Resource getMaxShare() {
      return EVERYTHING;
    }

    @Override
    public Resource getResourceUsage() {
      return NOTHING;
    }

    @Override
    public Resource getFairShare() {
      return share;
    }

    @Override
    public void setFairShare(Resource fairShare) {
      share = fairShare;
    }

    @Override
    public long getStartTime() {
      return 0;
    }

    @Override
    public Priority getPriority() {
      return Priority.UNDEFINED;
    }

    @Override
    public void updateDemand() {}

    @Override
    public Resource assignContainer(FSSchedulerNode node) {
      return NOTHING;
    }

    @Override
    public boolean isPreemptable() {
      return true;
    }
  }
}
