// Starts a node of OpenSearch from its published artefacts, with the modules that a distribution has and this suite needs.
// Arguments: settings as name=value.

import java.lang.reflect.Constructor;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;

import org.opensearch.Version;
import org.opensearch.common.settings.Settings;
import org.opensearch.env.Environment;
import org.opensearch.node.InternalSettingsPreparer;
import org.opensearch.node.Node;
import org.opensearch.plugins.PluginInfo;

public final class Serve {
    // Each module under its names in 2.x and 3.x.
    private static final String[][] MODULES = {
        {"org.opensearch.transport.Netty4Plugin", "org.opensearch.transport.Netty4ModulePlugin"},
        {"org.opensearch.analysis.common.CommonAnalysisPlugin", "org.opensearch.analysis.common.CommonAnalysisModulePlugin"},
        {"org.opensearch.painless.PainlessPlugin", "org.opensearch.painless.PainlessModulePlugin"},
    };

    public static void main(String[] arguments) throws Exception {
        Settings.Builder settings = Settings.builder();
        for (String each : arguments) {
            int place = each.indexOf('=');
            settings.put(each.substring(0, place), each.substring(place + 1));
        }
        Environment environment =
            InternalSettingsPreparer.prepareEnvironment(settings.build(), Map.of(), null, () -> "real");
        Constructor<Node> constructor =
            Node.class.getDeclaredConstructor(Environment.class, Collection.class, boolean.class);
        constructor.setAccessible(true);
        boolean takesClasses = constructor.getGenericParameterTypes()[1].getTypeName().contains("java.lang.Class");
        List<Object> modules = new ArrayList<>();
        for (String[] names : MODULES) {
            Class<?> module = firstOf(names);
            modules.add(takesClasses ? module : described(module));
        }
        Node node = constructor.newInstance(environment, modules, false);
        CountDownLatch ended = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try {
                node.close();
            } catch (Exception error) {
                error.printStackTrace();
            }
            ended.countDown();
        }));
        node.start();
        ended.await();
    }

    private static PluginInfo described(Class<?> module) {
        String name = module.getSimpleName();
        return new PluginInfo(name, name, "1", Version.CURRENT, "17", module.getName(), null, List.of(), false);
    }

    private static Class<?> firstOf(String[] names) throws ClassNotFoundException {
        for (String name : names) {
            try {
                return Class.forName(name);
            } catch (ClassNotFoundException error) {
                // The other version's name.
            }
        }
        throw new ClassNotFoundException(names[0]);
    }
}
